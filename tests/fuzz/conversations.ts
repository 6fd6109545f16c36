import { createHash } from "node:crypto";
import {
  CallKind,
  CallState,
  type CallResult,
  ClientMessage,
  type ExecutorMessage,
  type JournalEntry,
  Manifest,
  type ManifestPiece,
  type Start,
} from "@codemode/proto";
import type { Dice } from "../chaos/dice.ts";
import { startOf } from "../executor-fixture.ts";
import { ask, settled, withAsk } from "../journal-fixture.ts";
import { randomBytes } from "./mutate.ts";

// What a client and an executor say to each other in turn: nothing of it is looked at when it comes before its time.

type Said = NonNullable<ClientMessage["event"]>;
type Heard = NonNullable<ExecutorMessage["event"]>["$case"];

/** What a client does next: it says something, or waits until it has heard so many messages of a kind. */
export type Turn =
  | { readonly say: Buffer; readonly until?: undefined }
  | { readonly until: Heard; readonly times: number };

const say = (event: Said): Turn => ({ say: Buffer.from(ClientMessage.encode({ event }).finish()) });
const until = (heard: Heard, times = 1): Turn => ({ until: heard, times });
const begin = (code: string, start: Partial<Start>): Turn => say({ $case: "start", value: startOf(code, start) });
const items = (of: readonly unknown[], done: boolean) => ({ items: of, done });

/** The value that a call is answered with. */
function answer(seq: number, value: unknown): Turn {
  return say({ $case: "callResult", value: resultOf(seq, value) });
}

function resultOf(seq: number, value: unknown): CallResult {
  const result = { $case: "value", value: { encoding: 1, data: Buffer.from(JSON.stringify(value)) } } as const;
  return { seq, result, settledAt: new Date(seq) };
}

/** The answers to several calls. */
function answers(...seqs: number[]): Turn {
  return say({ $case: "callResultBatch", value: { results: seqs.map((seq) => resultOf(seq, seq)) } });
}

/** A call that is answered with a stream. */
function stream(seq: number): Turn {
  return say({ $case: "callResult", value: { seq, result: { $case: "stream", value: {} }, settledAt: new Date(seq) } });
}

type Conversation = (dice: Dice) => Turn[];

/** Ends by itself when nothing in it is wrong. */
export const CONVERSATIONS: Readonly<Record<string, Conversation>> = {
  manifest(dice) {
    const { hash, pieces } = unknownSet(dice);
    return [
      begin("return await tools.ask()", { ...common(dice), components: { $case: "manifestHash", value: hash } }),
      until("manifestWanted"),
      ...pieces.map((value) => say({ $case: "manifest", value })),
      until("call"),
      answer(1, 1),
      until("finished"),
    ];
  },
  stream(dice) {
    return [
      begin(GOES_OVER, { ...common(dice), ...withAsk }),
      until("call"),
      stream(1),
      until("call", 2),
      answer(2, items([1, "two", null], false)),
      until("call", 3),
      answer(3, items([{ three: 3 }], true)),
      until("finished"),
    ];
  },
  "stream that is left"(dice) {
    return [
      begin("for await (const item of tools.ask(1)) { return item }", { ...common(dice), ...withAsk }),
      until("call"),
      stream(1),
      until("call", 2),
      answer(2, items([1, 2], false)),
      until("call", 3),
      answer(3, items([], true)),
      until("finished"),
    ];
  },
  "stream that is replayed"(dice) {
    const done: JournalEntry = { ...settled(1, 1, null), result: { $case: "stream", value: {} } };
    const next = { ...settled(2, { of: 1 }, items([1], false)), kind: CallKind.CALL_KIND_NEXT };
    const journal = { entries: [done, next], more: false };
    return [
      begin(GOES_OVER, { ...common(dice), ...withAsk, attempt: 2, journal }),
      until("call"),
      answer(3, items([2], true)),
      until("finished"),
    ];
  },
  batches(dice) {
    const code = "return await Promise.all([1, 2, 3, 4].map((n) => tools.ask(n)))";
    return [
      begin(code, { ...common(dice), ...withAsk, takesBatches: true, idleWanted: true }),
      until("idle"),
      answers(2, 1),
      answer(3, 3),
      answers(4),
      until("finished"),
    ];
  },
  timer(dice) {
    const answered: CallResult = { seq: 1, result: undefined, settledAt: new Date(1) };
    return [
      begin("await new Promise((done) => setTimeout(done, 5)); return 1", { ...common(dice), idleWanted: true }),
      until("idle"),
      say({ $case: "callResult", value: answered }),
      until("finished"),
    ];
  },
};

const GOES_OVER = "const all = []; for await (const item of tools.ask(1)) all.push(item); return all";

/** What is right in its own way, and wrong where it may come. */
export const OTHERS: Conversation = (dice) => [
  dice.one<() => Turn>([
    () => stream(1 + dice.below(4)),
    () => answers(...dice.times(0, 3, () => 1 + dice.below(5))),
    () => answer(1 + dice.below(4), items([], false)),
    () => answer(1 + dice.below(4), dice.one<unknown>([null, [1], { items: 1 }, { done: true }, { items: [[[]]] }])),
    () => say({ $case: "manifest", value: { manifest: Buffer.alloc(0), more: dice.below(2) === 0 } }),
    () => say({ $case: "manifest", value: dice.one(unknownSet(dice).pieces) }),
    () => say({ $case: "journal", value: { entries: [pendingNext], more: false } }),
    () => say({ $case: "cancel", value: { reason: "" } }),
  ])(),
];

const pendingNext: JournalEntry = {
  ...settled(1, { of: 7 }, null),
  kind: CallKind.CALL_KIND_NEXT,
  state: CallState.CALL_STATE_PENDING,
  result: undefined,
  settleOrder: 0,
  settledAt: undefined,
};

function common(dice: Dice): Partial<Start> {
  return {
    executionId: "fuzz",
    seed: randomBytes(16, dice),
    clock: new Date(0),
    idleWanted: dice.below(2) === 0,
  };
}

const UNKNOWN_FIELD = Buffer.from([0x4a, 3, 1, 2, 3]);

/** A set of components that no executor has seen, with fields that none knows, in one to five pieces. */
function unknownSet(dice: Dice): { readonly hash: Buffer; readonly pieces: ManifestPiece[] } {
  const one = (name: string) => ({ ...ask, name, description: randomBytes(20, dice).toString("base64") });
  const encoded = [
    Manifest.encode({ tools: [one("ask")], agents: [] }).finish(),
    ...dice.times(0, 3, (index) => Manifest.encode({ tools: [one(`more.tool_${index}`)], agents: [] }).finish()),
    ...dice.times(0, 1, () =>
      Buffer.concat([UNKNOWN_FIELD, Manifest.encode({ tools: [], agents: [one("a")] }).finish()]),
    ),
  ];
  return {
    hash: createHash("sha256").update(Buffer.concat(encoded)).digest(),
    pieces: encoded.map((bytes, at) => ({ manifest: Buffer.from(bytes), more: at < encoded.length - 1 })),
  };
}

/** `turns` with one to three things wrong in their order or number: doubled, left out, early, or with others between. */
export function disorder(turns: readonly Turn[], dice: Dice): Turn[] {
  const wrong = [...turns];
  for (let left = 1 + dice.below(3); left > 0; left--) {
    const at = dice.below(wrong.length);
    const turn = wrong[at];
    if (!turn) break;
    switch (dice.below(6)) {
      case 0:
        wrong.splice(at, 0, turn);
        break;
      case 1:
        wrong.splice(at, 1);
        break;
      case 2:
        wrong.splice(dice.below(wrong.length), 0, ...wrong.splice(at, 1));
        break;
      case 3: // without an end
        if (turn.until === undefined) wrong.splice(at, 0, ...Array.from({ length: 50 }, () => turn));
        break;
      default:
        wrong.splice(at, 0, ...OTHERS(dice));
    }
  }
  return wrong;
}
