import type { Dice } from "../chaos/dice.ts";

const EXTREMES = [0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff];
const MAX_BYTES = 16_384; // what has grown beyond is cut, so that one message cannot take the batch

/** `bytes` with one to four things wrong with them. */
export function mutate(bytes: Buffer, dice: Dice): Buffer {
  let mutated = bytes;
  for (let left = 1 + dice.below(4); left > 0; left--) mutated = dice.one(MUTATIONS)(mutated, dice);
  return mutated.subarray(0, MAX_BYTES);
}

export function randomBytes(length: number, dice: Dice): Buffer {
  return Buffer.from(Array.from({ length }, () => dice.below(256)));
}

type Mutation = (bytes: Buffer, dice: Dice) => Buffer;

const overwritten = (bytes: Buffer, at: number, value: number): Buffer => {
  const copy = Buffer.from(bytes);
  if (copy.length > 0) copy[at] = value;
  return copy;
};

/** Two places in `bytes`, in order. */
function range(bytes: Buffer, dice: Dice): [from: number, to: number] {
  const from = dice.below(bytes.length + 1);
  return [from, Math.min(bytes.length, from + 1 + dice.below(24))];
}

const MUTATIONS: readonly Mutation[] = [
  (bytes, dice) => {
    const at = dice.below(Math.max(1, bytes.length));
    return overwritten(bytes, at, (bytes[at] ?? 0) ^ (1 << dice.below(8)));
  },
  (bytes, dice) => overwritten(bytes, dice.below(Math.max(1, bytes.length)), dice.one(EXTREMES)),
  (bytes, dice) => bytes.subarray(0, dice.below(bytes.length + 1)),
  (bytes, dice) => {
    const [from, to] = range(bytes, dice);
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
  },
  (bytes, dice) => {
    const [from, to] = range(bytes, dice);
    return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from, to), bytes.subarray(to)]);
  },
  (bytes, dice) => {
    const [at] = range(bytes, dice);
    return Buffer.concat([bytes.subarray(0, at), randomBytes(1 + dice.below(12), dice), bytes.subarray(at)]);
  },
  (bytes, dice) => {
    const [at] = range(bytes, dice);
    return Buffer.concat([bytes.subarray(0, at), dice.one(PROTOBUF_TRAPS)(dice), bytes.subarray(at)]);
  },
  (bytes, dice) => Buffer.concat([dice.one(PROTOBUF_TRAPS)(dice), bytes]),
  (bytes, dice) => nested(bytes, 1 + dice.below(200), dice),
];

const varintOfTen = Buffer.from("ffffffffffffffffff01", "hex");

/** Fields that parsers of protobuf have stumbled over. */
const PROTOBUF_TRAPS: readonly ((dice: Dice) => Buffer)[] = [
  (dice) => Buffer.concat([tag(1 + dice.below(40), dice.below(8)), randomBytes(dice.below(10), dice)]),
  (dice) => Buffer.concat([tag(1 + dice.below(20), 2), varintOfTen]), // a length of 2^64 - 1
  (dice) => Buffer.concat([tag(1 + dice.below(20), 2), Buffer.from("ffffffff07", "hex")]), // of 2^31 - 1
  (dice) => Buffer.concat([tag(1 + dice.below(20), 0), Buffer.alloc(11, 0xff)]), // a varint without an end
  (dice) => Buffer.concat([tag(1 + dice.below(20), 0), varintOfTen]),
  (dice) => tag(1 + dice.below(20), 3), // a group that is not closed
  (dice) => Buffer.alloc(1 + dice.below(500), tag(1 + dice.below(15), 3)), // or many, one in the other
  (dice) => tag(1 + dice.below(20), 4),
  () => Buffer.from([0x00]), // field 0
  (dice) => Buffer.concat([tag(1 + dice.below(20), 2), Buffer.from([3, 0xff, 0xc0, 0x80])]), // no UTF-8
];

function tag(field: number, wireType: number): Buffer {
  const value = field * 8 + wireType;
  return value < 128 ? Buffer.from([value]) : Buffer.from([(value & 127) | 128, value >> 7]);
}

/** `bytes` as a field in a field, `depth` times. */
function nested(bytes: Buffer, depth: number, dice: Dice): Buffer {
  const field = 1 + dice.below(15);
  let inner = bytes.subarray(0, 256);
  for (let level = 0; level < depth; level++) {
    const { length } = inner;
    const size = length < 128 ? [length] : [(length & 127) | 128, length >> 7];
    inner = Buffer.concat([tag(field, 2), Buffer.from(size), inner]);
  }
  return inner;
}
