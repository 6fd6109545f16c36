import { randomUUID } from "node:crypto";
import { type Budgets, OnOversize, type Start, toDuration, ValueEncoding } from "@codemode/proto/messages";
import type { ComponentSet } from "../registry/component-set.ts";
import type { ContextValues, RuntimeContext } from "../registry/context.ts";
import { manifestOf } from "./manifest-wire.ts";
import type { CallRecord, LogLine } from "./outcome.ts";
import { toWire } from "./values.ts";

/** What a run may use. What is absent is the executor's default; what is over its ceiling is refused. */
export interface RunBudgets {
  /** Wall-clock time of the run, but for `maxWaitMs`, in milliseconds. */
  readonly timeoutMs: number;
  /** Time in which the program waits for tools and agents alone, in milliseconds. `timeoutMs` stands still in it. */
  readonly maxWaitMs?: number | undefined;
  /** CPU time, in milliseconds. */
  readonly cpuMs?: number | undefined;
  /** Heap, in MiB. */
  readonly heapMib?: number | undefined;
  /** Tool and agent calls and timers, in all. */
  readonly maxCalls?: number | undefined;
  /** Of these, unanswered at a time. More wait. */
  readonly maxCallsInFlight?: number | undefined;
  readonly maxCodeBytes?: number | undefined;
  readonly maxResultBytes?: number | undefined;
  readonly maxLogBytes?: number | undefined;
  readonly maxLogLines?: number | undefined;
  /** For one call: its handler and its two schemas. In milliseconds. Kept by the app. */
  readonly toolTimeoutMs?: number | undefined;
}

/** What is to be run. */
export interface RunRequest {
  readonly executionId: string;
  readonly correlationId: string;
  readonly code: string;
  readonly fileName: string | undefined;
  /** What it may call. */
  readonly components: ComponentSet;
  readonly context: RuntimeContext;
  /** Seen by the program as `config`. */
  readonly config: ContextValues;
  readonly budgets: RunBudgets;
  readonly onOversize?: "fail" | "truncate" | undefined;
  /** Calls `body` where handlers are to run. */
  readonly inContext: <T>(body: () => T) => T;
  readonly onLog?: ((line: LogLine) => void) | undefined;
  readonly onCall?: ((call: CallRecord) => void) | undefined;
  /** What chance and time begin with: new for each run when absent. */
  readonly origin?: { readonly seed: Buffer; readonly clock: Date } | undefined;
}

/** What names a run or a request. */
export const ID = /^[\w.:-]{1,128}$/;

/** What a run has that asks for nothing, in every executor (PROTOCOL.md). A key may have less, so they are not asked for. */
const CALLS = 1_000;
const CALLS_IN_FLIGHT = 64;

/** Of the answer to one call. Said in Start, so that it is recorded with the run and holds in every executor. */
const ANSWER_BYTES = 1_048_576;

/** The first message of every attempt, but for its number. */
export type RunStart = Omit<Start, "attempt">;

/** Throws `UnserializableError`, and a CodemodeError when the components are too many. */
export function toStart(request: RunRequest): RunStart {
  const { executionId, correlationId, code, fileName } = request;
  const { seed, clock } = request.origin ?? { seed: newSeed(), clock: new Date() };
  return {
    executionId,
    correlationId,
    tenant: "",
    code,
    fileName,
    components: manifestOf(request.components).inStart,
    context: toWire(request.context.variables),
    config: toWire(request.config),
    budgets: toBudgets(request.budgets),
    seed,
    clock,
    valueEncoding: ValueEncoding.VALUE_ENCODING_EXACT,
    onOversize: ON_OVERSIZE[request.onOversize ?? "default"],
    journal: undefined,
    logsReceived: 0,
    outputsReceived: 0,
    idleWanted: false,
    takesBatches: false,
  };
}

/** Chance enough for a program, from a source that asks the system for many at a time. */
function newSeed(): Buffer {
  return Buffer.from(randomUUID().replaceAll("-", ""), "hex");
}

/** What the answer to one call may take, as an attempt with `start` says it. */
export function maxAnswerBytes({ budgets }: RunStart): number {
  return Number(budgets?.answerBytes ?? ANSWER_BYTES);
}

/** The calls that an attempt with `start` may make, in all and at a time. */
export function callsOf({ budgets }: RunStart): { readonly maxCalls: number; readonly maxCallsInFlight: number } {
  return { maxCalls: budgets?.calls ?? CALLS, maxCallsInFlight: budgets?.callsInFlight ?? CALLS_IN_FLIGHT };
}

const ON_OVERSIZE = {
  default: OnOversize.ON_OVERSIZE_UNSPECIFIED,
  fail: OnOversize.ON_OVERSIZE_FAIL,
  truncate: OnOversize.ON_OVERSIZE_TRUNCATE,
} as const;

function toBudgets(budgets: RunBudgets): Budgets {
  const bytes = (value: number | undefined) => (value === undefined ? undefined : BigInt(value));
  return {
    wallTime: toDuration(budgets.timeoutMs),
    cpuTime: budgets.cpuMs === undefined ? undefined : toDuration(budgets.cpuMs),
    waitTime: budgets.maxWaitMs === undefined ? undefined : toDuration(budgets.maxWaitMs),
    heapBytes: bytes(budgets.heapMib === undefined ? undefined : Math.round(budgets.heapMib * 1_048_576)),
    calls: budgets.maxCalls,
    callsInFlight: budgets.maxCallsInFlight,
    codeBytes: bytes(budgets.maxCodeBytes),
    answerBytes: BigInt(ANSWER_BYTES),
    resultBytes: bytes(budgets.maxResultBytes),
    logBytes: bytes(budgets.maxLogBytes),
    logLines: budgets.maxLogLines,
  };
}
