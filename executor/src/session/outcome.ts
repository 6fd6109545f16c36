import { type Finished, RunError, RunErrorType, toDuration, type Usage } from "@codemode/proto/messages";
import type { Done } from "@codemode/proto/worker";
import { CPU_TICK_MS } from "../pool/probe.ts";
import type { Ledger } from "./ledger.ts";

/** Why a run has no value, as the edge decides it. */
export interface Failure {
  readonly type: RunErrorType;
  readonly message: string;
  readonly line?: number | undefined;
  readonly column?: number | undefined;
  readonly frame?: string;
  readonly stack?: string;
}

export function failure(type: RunErrorType, message: string): Failure {
  return { type, message };
}

/** What the edge has seen of a run from outside. */
export interface Seen {
  /** But for `waitMs`. */
  readonly wallMs: number;
  readonly waitMs: number;
  readonly cpuMs: number;
  readonly peakResidentBytes: number;
}

const MAX_ERROR_BYTES = 64 * 1024; // message, frame and stack are cut by the worker to far less
const MAX_WARNINGS = 100;

/** Said by the edge alone; a worker that says them is not believed. */
const OURS: ReadonlySet<RunErrorType> = new Set([
  RunErrorType.RUN_ERROR_TYPE_UNSPECIFIED,
  RunErrorType.RUN_ERROR_TYPE_TIMEOUT,
  RunErrorType.RUN_ERROR_TYPE_CPU_LIMIT,
  RunErrorType.RUN_ERROR_TYPE_DIVERGED,
  RunErrorType.RUN_ERROR_TYPE_CANCELLED,
  RunErrorType.RUN_ERROR_TYPE_CRASHED,
]);

/** What a worker says of the place of a failure, when it is no longer than it may be. */
export function placeOf(error: RunError | undefined): Partial<Failure> {
  if (!error || RunError.encode(error).finish().length > MAX_ERROR_BYTES) return {};
  const { line, column, frame, stack } = error;
  return { line, column, frame, stack };
}

/** Undefined when what a worker says about the end can be passed on. */
export function disbelief(done: Done, ledger: Ledger): Failure | undefined {
  const crashed = failure(RunErrorType.RUN_ERROR_TYPE_CRASHED, "The worker process broke its protocol");
  if (!done.result) return crashed;
  if (done.warnings.length > MAX_WARNINGS || done.warnings.join("").length > MAX_ERROR_BYTES) return crashed;
  if (done.result.$case === "value") return undefined;
  const error = done.result.value;
  const known = error.type in RunErrorName && !OURS.has(error.type) && (error.seq ?? 0) <= ledger.calls;
  return known && RunError.encode(error).finish().length <= MAX_ERROR_BYTES ? undefined : crashed;
}

/** Names of the error types as TypeScript knows them, for logs. */
export const RunErrorName: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(RunErrorType)
    .filter((entry): entry is [string, RunErrorType] => typeof entry[1] === "number" && entry[1] >= 0)
    .map(([name, number]) => [number, pascalCase(name.replace("RUN_ERROR_TYPE_", ""))]),
);

function pascalCase(name: string): string {
  return name.replace(/([A-Z])([A-Z]*)_?/g, (_all, first: string, rest: string) => first + rest.toLowerCase());
}

/** The end of a run whose worker told it. */
export function finishedByWorker(done: Done, seen: Seen, ledger: Ledger): Finished {
  const exact = Number(done.cpuUs) / 1000;
  const cpuMs = seen.cpuMs === 0 || Math.abs(exact - seen.cpuMs) <= 2 * CPU_TICK_MS ? exact : seen.cpuMs;
  const resultBytes = done.result?.$case === "value" ? done.result.value.data.length : 0;
  return {
    result: done.result,
    usage: usage({ ...seen, cpuMs }, ledger, resultBytes, done.heapBytes),
    truncation: {
      logLines: (done.truncation?.logLines ?? 0n) + BigInt(ledger.droppedLines),
      logBytes: (done.truncation?.logBytes ?? 0n) + BigInt(ledger.droppedBytes),
      result: done.truncation?.result ?? false,
      outputs: done.truncation?.outputs ?? 0n,
    },
    warnings: done.warnings,
  };
}

/** The end of a run that the edge ended. */
export function finishedByEdge(failed: Failure, seen: Seen, ledger: Ledger): Finished {
  return {
    result: { $case: "error", value: { ...RunError.decode(new Uint8Array()), ...failed } }, // the rest as proto3 has it
    usage: usage(seen, ledger, 0, 0n),
    truncation: {
      logLines: BigInt(ledger.droppedLines),
      logBytes: BigInt(ledger.droppedBytes),
      result: false,
      outputs: 0n,
    },
    warnings: [],
  };
}

function usage(seen: Seen, ledger: Ledger, resultBytes: number, heapBytes: bigint): Usage {
  return {
    wallTime: toDuration(seen.wallMs),
    waitTime: toDuration(seen.waitMs),
    cpuTime: toDuration(seen.cpuMs),
    peakHeapBytes: heapBytes,
    peakResidentBytes: BigInt(seen.peakResidentBytes),
    calls: ledger.calls,
    argumentBytes: BigInt(ledger.argumentBytes),
    resultBytes: BigInt(resultBytes),
    logBytes: BigInt(ledger.logBytes),
  };
}
