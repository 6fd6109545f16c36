import { ClientMessage, type Start, ValueEncoding } from "@codemode/proto";
import { Dice } from "../chaos/dice.ts";
import { startOf } from "../executor-fixture.ts";
import { CONVERSATIONS, disorder, type Turn } from "./conversations.ts";
import { FLAG, FRAME, frame, headerBlock, PREFACE } from "./http2.ts";
import { mutate, randomBytes } from "./mutate.ts";

/** What one connection sends. */
export interface Script {
  /** HTTP/2 frames, the first behind the preface; of messages each has one. */
  readonly frames: readonly (Piece | Pause)[];
  /** Streams that were opened as they should be and that were ended: each is to be answered with an end. */
  readonly streams: readonly number[];
}

/** A frame, or a message that has yet to be in one. */
export interface Piece {
  readonly bytes: Buffer;
  /** For certain. What may be right does not count, nor does a right message out of its turn. */
  readonly isWrong: boolean;
}

/** Nothing is sent until a stream has heard so many messages of a kind, or has ended, or not for long. */
export interface Pause {
  readonly stream: number;
  readonly until: string;
  readonly times: number;
}

/** The script of a seed: half of them speak HTTP/2 well and the protocol badly, the others HTTP/2 badly. */
export function scriptOf(seed: number, key: string): Script {
  const dice = new Dice(seed);
  switch (seed % 4) {
    case 0:
      return wrongMessages(dice, key);
    case 2:
      return wrongConversations(dice, key);
    default:
      return wrongFrames(dice, key);
  }
}

const right = (bytes: Buffer): Piece => ({ bytes, isWrong: false });
const wrong = (bytes: Buffer, isWrong = true): Piece => ({ bytes, isWrong });

/** `piece` with things wrong with it, unless they cancel each other out. */
function mutated({ bytes, isWrong }: Piece, dice: Dice): Piece {
  const mutant = mutate(bytes, dice);
  return wrong(mutant, isWrong || !mutant.equals(bytes));
}

/** A message in a frame of its own. */
function data(stream: number, { bytes, isWrong }: Piece): Piece {
  return wrong(frame(FRAME.data, 0, stream, bytes), isWrong);
}

const OPENING = right(Buffer.concat([PREFACE, frame(FRAME.settings, 0, 0, Buffer.alloc(0))]));
const METHODS = ["Execute", "Execute", "Execute", "Execute", "GetInfo"] as const;

function wrongMessages(dice: Dice, key: string): Script {
  const streams = dice.times(2, 6, (index) => 2 * index + 1);
  const frames = streams.flatMap((stream) => {
    const begins = dice.below(2) === 0 ? [right(grpc(dice.one(STARTS)))] : []; // else most would go no further than Start
    const messages = [...begins, ...dice.times(1, 8, () => wrongMessage(dice))];
    return [headers(stream, dice.one(METHODS), key), ...messages.map((message) => data(stream, message)), end(stream)];
  });
  return { frames: [OPENING, ...frames], streams };
}

/** Of which most things are right, so that it comes further than its Start. */
function wrongConversations(dice: Dice, key: string): Script {
  const conversations = dice.times(1, 4, () => {
    const turns = dice.one(Object.values(CONVERSATIONS))(dice);
    const ordered = dice.below(2) === 0 ? turns : disorder(turns, dice);
    const chosen = dice.below(ordered.length);
    return conversation(ordered, (message, at) => (at === chosen ? wrongMessage(dice, message) : right(grpc(message))));
  });
  return together(conversations, key);
}

/** A conversation in which all is right. */
export function rightConversation(turns: readonly Turn[], key: string): Script {
  return together([conversation(turns, (message) => right(grpc(message)))], key);
}

type OnStream = (stream: number) => (Piece | Pause)[];

function conversation(turns: readonly Turn[], write: (message: Buffer, at: number) => Piece): OnStream {
  const written = turns.map((turn, at) => (turn.until === undefined ? write(turn.say, at) : turn));
  return (stream) => written.map((each) => ("until" in each ? { ...each, stream } : data(stream, each)));
}

function together(conversations: readonly OnStream[], key: string): Script {
  const streams = conversations.map((_, index) => 2 * index + 1);
  const frames = conversations.flatMap((on, index) => {
    const stream = 2 * index + 1;
    return [headers(stream, "Execute", key), ...on(stream), end(stream)];
  });
  return { frames: [OPENING, ...frames], streams };
}

function wrongFrames(dice: Dice, key: string): Script {
  const well = dice
    .times(1, 4, (index) => 2 * index + 1)
    .flatMap((stream) => [
      headers(stream, dice.one(METHODS), key),
      ...dice.times(0, 3, () => data(stream, right(grpc(dice.one(MESSAGES))))),
      ...dice.times(1, 8, () => wrongFrame(stream, dice)),
    ]);
  const frames = well.map((each) => (dice.below(3) === 0 ? mutated(each, dice) : each));
  for (let swaps = dice.below(4); swaps > 0; swaps--) {
    const [a, b] = [dice.below(frames.length), dice.below(frames.length)];
    [frames[a], frames[b]] = [frames[b] as Piece, frames[a] as Piece];
  }
  return { frames: [dice.below(20) === 0 ? mutated(OPENING, dice) : OPENING, ...frames], streams: [] };
}

function end(stream: number): Piece {
  return right(frame(FRAME.data, FLAG.endStream, stream, Buffer.alloc(0)));
}

function headers(stream: number, method: string, key: string): Piece {
  const fields = [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", `/codemode.v1.ExecutorService/${method}`],
    [":authority", "fuzz"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
    ["authorization", `Bearer ${key}`],
  ] as const;
  return right(frame(FRAME.headers, FLAG.endHeaders, stream, headerBlock(fields)));
}

const ask = { name: "ask", description: "", inputSchemaJson: "", outputSchemaJson: "" };
const asks: Partial<Start> = { components: { $case: "manifest", value: { tools: [ask], agents: [] } } };
const value = { encoding: ValueEncoding.VALUE_ENCODING_EXACT, data: Buffer.from("[1]") };
const entry = { seq: 1, kind: 1, name: "ask", argumentsHash: Buffer.alloc(32), state: 1, settleOrder: 0 } as const;
const journal = { entries: [{ ...entry, result: undefined, settledAt: undefined }], more: false };

const fixed = { executionId: "fuzz", seed: Buffer.alloc(16, 7), clock: new Date(0) };
const answer = { seq: 1, result: { $case: "value", value }, settledAt: new Date(0) } as const;

const bytesOf = (event: NonNullable<ClientMessage["event"]>) => Buffer.from(ClientMessage.encode({ event }).finish());

/** Messages as they should be. */
const STARTS = [
  startOf("return 1", fixed),
  startOf("return await tools.ask()", { ...fixed, ...asks, context: value, config: value }),
  startOf("return await tools.ask()", { ...fixed, ...asks, attempt: 2, journal }),
].map((start) => bytesOf({ $case: "start", value: start }));
const MESSAGES = [
  ...STARTS,
  bytesOf({ $case: "callResult", value: answer }),
  bytesOf({ $case: "journal", value: journal }),
  bytesOf({ $case: "cancel", value: { reason: "enough" } }),
];

/** A message behind the five bytes that gRPC puts before it. They may lie. */
function grpc(message: Buffer, length = message.length, compressed = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = compressed;
  prefix.writeUInt32BE(length >>> 0, 1);
  return Buffer.concat([prefix, message]);
}

function wrongMessage(dice: Dice, message: Buffer = dice.one(MESSAGES)): Piece {
  switch (dice.below(8)) {
    case 0:
      return right(grpc(message));
    case 1:
      return wrong(grpc(message, dice.one([0, message.length - 1, message.length + 1, 5 * 1024 * 1024, 2 ** 32 - 1])));
    case 2:
      return wrong(grpc(message, message.length, dice.one([1, 2, 255])));
    default: {
      const { bytes, isWrong } = mutated(right(message), dice);
      return wrong(grpc(bytes), isWrong);
    }
  }
}

/** Frames that are wrong in themselves, or where they come. Some may be right. */
function wrongFrame(stream: number, dice: Dice): Piece {
  const random = randomBytes(dice.below(64), dice);
  const numbers = [0, stream, stream + 2, stream + 1, 2 ** 31 - 1, 2 ** 32 - 1];
  switch (dice.below(14)) {
    case 0: // most of them of a type that nobody knows, which is to be ignored
      return right(frame(dice.below(256), dice.below(256), dice.one(numbers), random));
    case 1: {
      const flags = dice.one([0, FLAG.padded, FLAG.endStream]);
      return wrong(frame(FRAME.data, flags, dice.one(numbers), random), random.length > 0);
    }
    case 2: {
      const length = dice.one([0, random.length + 1, 16_384, 16_385, 2 ** 24 - 1]);
      return wrong(frame(FRAME.data, 0, stream, random, length), length !== random.length);
    }
    case 3: {
      const flags = dice.one([0, FLAG.endHeaders, FLAG.padded, FLAG.priority]);
      return wrong(frame(FRAME.headers, flags, dice.one(numbers), random));
    }
    case 4:
      return wrong(frame(FRAME.continuation, dice.one([0, FLAG.endHeaders]), dice.one(numbers), random));
    case 5: {
      const [on, size] = [dice.one(numbers), dice.one([4, 4, 4, 0, 5])];
      return wrong(frame(FRAME.reset, 0, on, randomBytes(size, dice)), size !== 4);
    }
    case 6: {
      const [flags, on] = [dice.one([0, FLAG.ack]), dice.one([0, 0, stream])];
      return wrong(frame(FRAME.settings, flags, on, setting(dice)), on !== 0);
    }
    case 7: {
      const [flags, on, size] = [dice.one([0, FLAG.ack]), dice.one([0, 0, stream]), dice.one([8, 8, 0, 9])];
      return wrong(frame(FRAME.ping, flags, on, randomBytes(size, dice)), on !== 0 || size !== 8);
    }
    case 8: {
      const size = dice.one([8, 16, 0]);
      return wrong(frame(FRAME.goAway, 0, 0, randomBytes(size, dice)), size === 0);
    }
    case 9: {
      const [on, more] = [dice.one(numbers), dice.one(["00000000", "7fffffff", "ffffffff", "01"])];
      return wrong(frame(FRAME.windowUpdate, 0, on, Buffer.from(more, "hex"))); // by nothing, or beyond what there may be
    }
    case 10: {
      const [on, size] = [dice.one(numbers), dice.one([5, 5, 4, 6])];
      return wrong(frame(FRAME.priority, 0, on, randomBytes(size, dice)), size !== 5);
    }
    case 11:
      return wrong(frame(FRAME.pushPromise, FLAG.endHeaders, stream, random));
    case 12: {
      // opened and reset at once
      const reset = frame(FRAME.reset, 0, stream + 2, Buffer.alloc(4));
      return right(Buffer.concat([headers(stream + 2, "Execute", "x").bytes, reset]));
    }
    default:
      return data(stream, wrongMessage(dice));
  }
}

/** Between none and four settings, with values at their bounds. */
function setting(dice: Dice): Buffer {
  const settings = dice.times(0, 4, () => {
    const bytes = Buffer.alloc(6);
    bytes.writeUInt16BE(dice.below(10));
    bytes.writeUInt32BE(dice.one([0, 1, 16_383, 16_384, 65_535, 2 ** 24, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]), 2);
    return bytes;
  });
  return Buffer.concat(dice.below(6) === 0 ? [...settings, Buffer.alloc(1)] : settings);
}
