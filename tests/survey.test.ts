import { BinaryReader } from "@bufbuild/protobuf/wire";
import { ClientMessage, ExecutorMessage, type Shape, survey } from "@codemode/proto/messages";
import { WorkerEvent } from "@codemode/proto/worker";
import { expect, test } from "vitest";
import { executorMessage } from "../client/src/executor-client/decode.ts";
import { clientMessage } from "../executor/src/edge/decode.ts";
import { workerEvent } from "../executor/src/pool/worker-process.ts";
import { Dice } from "./chaos/dice.ts";
import { randomBytes } from "./fuzz/mutate.ts";

// The fields of a message are counted before it is decoded. A decoder that found some where nobody has counted would find as many
// as there is room for. So the two have to agree on every message, also on one that nobody would write.

const seed = Number(process.env["FUZZ_SEED"] ?? 1);
const MESSAGES = 20_000;

test.each([
  ["a client", clientMessage, ClientMessage],
  ["an executor", executorMessage, ExecutorMessage],
  ["a worker", workerEvent, WorkerEvent],
])("of what %s sends no more is decoded than was counted", (_name, shape, codec) => {
  let taken = 0;
  for (let at = seed; at < seed + MESSAGES; at++) {
    const bytes = message(new Dice(at), 4);
    const fields = counted(bytes, shape);
    if (fields === undefined) continue;
    taken += 1;
    // Of each a tag, and a length or a number.
    expect(readsOf(codec, bytes), `FUZZ_SEED=${at}: ${bytes.toString("hex")}`).toBeLessThanOrEqual(2 * fields);
  }
  expect(taken).toBeGreaterThan(MESSAGES / 2);
});

/** How many fields a message has; undefined when it is not taken. */
function counted(bytes: Buffer, shape: Shape): number | undefined {
  try {
    return survey(bytes, shape);
  } catch {
    return undefined;
  }
}

/** How many tags, lengths and short numbers a decoder reads, also of what it refuses in the end. */
function readsOf(codec: { decode(reader: BinaryReader): unknown }, bytes: Buffer): number {
  const reader = new BinaryReader(bytes);
  const { uint32 } = reader;
  let reads = 0;
  reader.uint32 = () => {
    reads += 1;
    return uint32.call(reader);
  };
  try {
    codec.decode(reader);
  } catch {
    // A date beyond all dates, for one.
  }
  return reads;
}

/** Fields that may be known, and fields in them. One message in four that is inside another ends anywhere. */
function message(dice: Dice, depth: number): Buffer {
  return Buffer.concat(dice.times(1, 4, () => field(dice, depth)));
}

function field(dice: Dice, depth: number): Buffer {
  const wireType = dice.one([0, 1, 2, 2, 2, 2, 5]);
  const tag = varint((1 + dice.below(15)) * 8 + wireType);
  switch (wireType) {
    case 0:
      return Buffer.concat([tag, varint(dice.below(300))]);
    case 2: {
      const whole = depth > 0 ? message(dice, depth - 1) : randomBytes(dice.below(8), dice);
      const inside = dice.below(4) === 0 ? whole.subarray(0, dice.below(whole.length + 1)) : whole;
      return Buffer.concat([tag, varint(inside.length), inside]);
    }
    default:
      return Buffer.concat([tag, randomBytes(wireType === 1 ? 8 : 4, dice)]);
  }
}

/** Of at most 14 bits. */
function varint(value: number): Buffer {
  return Buffer.from(value < 128 ? [value] : [(value & 127) | 128, value >> 7]);
}
