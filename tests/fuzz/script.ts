import { ClientMessage, type Start, ValueEncoding } from "@codemode/proto";
import { Dice } from "../chaos/dice.ts";
import { startOf } from "../executor-fixture.ts";
import { CONVERSATIONS, disorder, type Turn } from "./conversations.ts";
import { FLAG, FRAME, frame, headerBlock, PREFACE } from "./http2.ts";
import { mutate, randomBytes } from "./mutate.ts";

/** What one connection sends. */
export interface Script {
  /** HTTP/2 frames, the first behind the preface; of messages each has one. */
  readonly frames: readonly (Buffer | Pause)[];
  /** Streams that were opened as they should be and that were ended: each is to be answered with an end. */
  readonly streams: readonly number[];
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

const SETTINGS = frame(FRAME.settings, 0, 0, Buffer.alloc(0));
const METHODS = ["Execute", "Execute", "Execute", "Execute", "GetInfo"] as const;

function wrongMessages(dice: Dice, key: string): Script {
  const streams = dice.times(2, 6, (index) => 2 * index + 1);
  const frames = streams.flatMap((stream) => {
    const begins = dice.below(2) === 0 ? [grpc(dice.one(STARTS))] : []; // else most would go no further than Start
    const messages = [...begins, ...dice.times(1, 8, () => wrongMessage(dice))];
    const data = messages.map((message) => frame(FRAME.data, 0, stream, message));
    return [
      headers(stream, dice.one(METHODS), key),
      ...data,
      frame(FRAME.data, FLAG.endStream, stream, Buffer.alloc(0)),
    ];
  });
  return { frames: [Buffer.concat([PREFACE, SETTINGS]), ...frames], streams };
}

/** Of which most things are right, so that it comes further than its Start. */
function wrongConversations(dice: Dice, key: string): Script {
  const conversations = dice.times(1, 4, () => {
    const turns = dice.one(Object.values(CONVERSATIONS))(dice);
    const ordered = dice.below(2) === 0 ? turns : disorder(turns, dice);
    const wrong = dice.below(ordered.length);
    return conversation(ordered, (message, at) => (at === wrong ? wrongMessage(dice, message) : grpc(message)));
  });
  return together(conversations, key);
}

/** A conversation in which all is right. */
export function rightConversation(turns: readonly Turn[], key: string): Script {
  return together([conversation(turns, (message) => grpc(message))], key);
}

type OnStream = (stream: number) => (Buffer | Pause)[];

function conversation(turns: readonly Turn[], write: (message: Buffer, at: number) => Buffer): OnStream {
  const written = turns.map((turn, at): Turn => (turn.until === undefined ? { say: write(turn.say, at) } : turn));
  return (stream) =>
    written.map((turn) => (turn.until === undefined ? frame(FRAME.data, 0, stream, turn.say) : { ...turn, stream }));
}

function together(conversations: readonly OnStream[], key: string): Script {
  const streams = conversations.map((_, index) => 2 * index + 1);
  const frames = conversations.flatMap((on, index) => {
    const stream = 2 * index + 1;
    const end = frame(FRAME.data, FLAG.endStream, stream, Buffer.alloc(0));
    return [headers(stream, "Execute", key), ...on(stream), end];
  });
  return { frames: [Buffer.concat([PREFACE, SETTINGS]), ...frames], streams };
}

function wrongFrames(dice: Dice, key: string): Script {
  const well = dice
    .times(1, 4, (index) => 2 * index + 1)
    .flatMap((stream) => [
      headers(stream, dice.one(METHODS), key),
      ...dice.times(0, 3, () => frame(FRAME.data, 0, stream, grpc(dice.one(MESSAGES)))),
      ...dice.times(1, 8, () => wrongFrame(stream, dice)),
    ]);
  const frames = well.map((each) => (dice.below(3) === 0 ? mutate(each, dice) : each));
  for (let swaps = dice.below(4); swaps > 0; swaps--) {
    const [a, b] = [dice.below(frames.length), dice.below(frames.length)];
    [frames[a], frames[b]] = [frames[b] as Buffer, frames[a] as Buffer];
  }
  const opening = Buffer.concat([PREFACE, SETTINGS]);
  return { frames: [dice.below(20) === 0 ? mutate(opening, dice) : opening, ...frames], streams: [] };
}

function headers(stream: number, method: string, key: string): Buffer {
  const fields = [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", `/codemode.v1.ExecutorService/${method}`],
    [":authority", "fuzz"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
    ["authorization", `Bearer ${key}`],
  ] as const;
  return frame(FRAME.headers, FLAG.endHeaders, stream, headerBlock(fields));
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

function wrongMessage(dice: Dice, message: Buffer = dice.one(MESSAGES)): Buffer {
  switch (dice.below(8)) {
    case 0:
      return grpc(message);
    case 1:
      return grpc(message, dice.one([0, message.length - 1, message.length + 1, 5 * 1024 * 1024, 2 ** 32 - 1]));
    case 2:
      return grpc(message, message.length, dice.one([1, 2, 255]));
    default:
      return grpc(mutate(message, dice));
  }
}

/** Frames that are wrong in themselves, or where they come. */
function wrongFrame(stream: number, dice: Dice): Buffer {
  const random = randomBytes(dice.below(64), dice);
  const numbers = [0, stream, stream + 2, stream + 1, 2 ** 31 - 1, 2 ** 32 - 1];
  switch (dice.below(14)) {
    case 0:
      return frame(dice.below(256), dice.below(256), dice.one(numbers), random);
    case 1:
      return frame(FRAME.data, dice.one([0, FLAG.padded, FLAG.endStream]), dice.one(numbers), random);
    case 2:
      return frame(FRAME.data, 0, stream, random, dice.one([0, random.length + 1, 16_384, 16_385, 2 ** 24 - 1]));
    case 3:
      return frame(
        FRAME.headers,
        dice.one([0, FLAG.endHeaders, FLAG.padded, FLAG.priority]),
        dice.one(numbers),
        random,
      );
    case 4:
      return frame(FRAME.continuation, dice.one([0, FLAG.endHeaders]), dice.one(numbers), random);
    case 5:
      return frame(FRAME.reset, 0, dice.one(numbers), randomBytes(dice.one([4, 4, 4, 0, 5]), dice));
    case 6:
      return frame(FRAME.settings, dice.one([0, FLAG.ack]), dice.one([0, 0, stream]), setting(dice));
    case 7:
      return frame(
        FRAME.ping,
        dice.one([0, FLAG.ack]),
        dice.one([0, 0, stream]),
        randomBytes(dice.one([8, 8, 0, 9]), dice),
      );
    case 8:
      return frame(FRAME.goAway, 0, 0, randomBytes(dice.one([8, 16, 0]), dice));
    case 9:
      return frame(
        FRAME.windowUpdate,
        0,
        dice.one(numbers),
        Buffer.from(dice.one(["00000000", "7fffffff", "ffffffff", "01"]), "hex"),
      );
    case 10:
      return frame(FRAME.priority, 0, dice.one(numbers), randomBytes(dice.one([5, 5, 4, 6]), dice));
    case 11:
      return frame(FRAME.pushPromise, FLAG.endHeaders, stream, random);
    case 12: // opened and reset at once
      return Buffer.concat([headers(stream + 2, "Execute", "x"), frame(FRAME.reset, 0, stream + 2, Buffer.alloc(4))]);
    default:
      return frame(FRAME.data, 0, stream, wrongMessage(dice));
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
