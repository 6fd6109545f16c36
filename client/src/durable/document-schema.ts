import { CallErrorType, type Manifest, Start } from "@codemode/proto/messages";
import { decode } from "@codemode/proto/values";
import { z } from "zod";
import { ID } from "../run/index.ts";

// What a journal document may say, so that its run is one that can have been.

const HASH_BYTES = 32; // SHA-256
const time = z.iso.datetime().transform((text) => new Date(text));
const bytes = z.base64().transform((text) => new Uint8Array(Buffer.from(text, "base64")));

const hash = bytes.refine((digest) => digest.length === HASH_BYTES, `expected ${HASH_BYTES} bytes in base64`);

const callSchema = z.strictObject({
  seq: z.int().positive(),
  kind: z.enum(["tool", "agent", "timer", "next"]),
  name: z.string(),
  argumentsHash: hash,
  state: z.enum(["pending", "succeeded", "failed", "cancelled"]),
  handled: z.boolean(),
  startedAt: time,
  settledAt: time.optional(),
  settleOrder: z.int().positive().optional(),
  /** What a tool or agent returned; empty stands for undefined. */
  value: z.string().refine(isValue, "expected a value as the codec writes it").optional(),
  /** True when it returned a stream, whose items are calls of the kind `next`. */
  stream: z.literal(true).optional(),
  error: z
    .strictObject({
      type: z.enum(CallErrorType),
      name: z.string(),
      message: z.string(),
      code: z.string(),
      retryable: z.boolean(),
    })
    .optional(),
});

export type ParsedCall = z.output<typeof callSchema>;

export const documentSchema = z.strictObject({
  version: z.literal(1),
  executionId: z.string().regex(ID),
  createdAt: time,
  code: z.string(),
  /** What an attempt begins with, but for the code: an encoded Start. */
  start: bytes.transform(toStart),
  calls: z.array(callSchema).superRefine((calls, context) => {
    for (const [call, key, message] of contradictions(calls)) {
      context.addIssue({ code: "custom", path: [call, key], message });
    }
  }),
});

/** A Start with its components in it, however many. */
type WholeStart = Start & { readonly components: { readonly $case: "manifest"; readonly value: Manifest } };

/** As far as this client needs it; an executor says what is wrong with the rest. */
function toStart(encoded: Uint8Array, context: z.RefinementCtx): WholeStart {
  try {
    const start = Start.decode(encoded);
    const { components, correlationId, clock } = start;
    if (components?.$case === "manifest" && ID.test(correlationId) && !Number.isNaN(Number(clock))) {
      return { ...start, components };
    }
  } catch {
    // Said below.
  }
  context.addIssue({ code: "custom", message: "expected what was recorded of the run, in base64" });
  return z.NEVER;
}

function isValue(text: string): boolean {
  try {
    if (text !== "") decode(text);
    return true;
  } catch {
    return false;
  }
}

/** Why something in the calls cannot be: the index of the call, its key, and what was expected. */
type Contradiction = readonly [call: number, key: keyof ParsedCall, why: string];

function* contradictions(calls: readonly ParsedCall[]): Generator<Contradiction> {
  for (const [index, call] of calls.entries()) {
    if (call.seq !== index + 1) yield [index, "seq", `expected ${index + 1}: calls stand in their order, without gaps`];
    for (const [key, why] of oddities(call)) yield [index, key, why];
  }
  const settled = [...calls.entries()]
    .filter(([, call]) => isSettled(call))
    .toSorted(([, a], [, b]) => (a.settleOrder ?? 0) - (b.settleOrder ?? 0));
  let last = 0;
  for (const [place, [index, { settleOrder, settledAt }]] of settled.entries()) {
    if (settleOrder !== place + 1)
      yield [index, "settleOrder", `expected ${place + 1}: there are no gaps, and no doubles`];
    const at = Number(settledAt);
    if (at < last) yield [index, "settledAt", "expected no time before that of the call that settled before it"];
    last = at;
  }
}

/** What does not fit the state and kind of one call. */
function* oddities(call: ParsedCall): Generator<readonly [key: keyof ParsedCall, why: string]> {
  const { kind, state } = call;
  if ((call.name === "") !== (kind === "timer"))
    yield ["name", `expected ${kind === "timer" ? "none of a timer" : "one"}`];
  for (const key of ["settledAt", "settleOrder"] as const) {
    if ((call[key] !== undefined) !== isSettled(call))
      yield [key, `expected ${isSettled(call) ? "one" : "none"} of a call that is ${state}`];
  }
  if (call.error ? state !== "failed" || kind === "timer" : state === "failed")
    yield ["error", `does not fit a ${kind} that has ${state}`];
  if (call.stream && (call.value !== undefined || state !== "succeeded" || kind === "timer" || kind === "next"))
    yield ["stream", `does not fit a ${kind} that is ${state}`];
  if (call.value !== undefined && (state !== "succeeded" || kind === "timer"))
    yield ["value", `does not fit a ${kind} that is ${state}`];
}

function isSettled({ state }: ParsedCall): boolean {
  return state === "succeeded" || state === "failed";
}
