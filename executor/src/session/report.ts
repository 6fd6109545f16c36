import { type ErrorCode } from "@codemode/proto";
import { type CallKind, type Finished, type RunErrorType, toMs } from "@codemode/proto/messages";
import { RunErrorName } from "./outcome.ts";
import type { Program } from "./start.ts";

/** One session, for the log and for metrics: ids, sizes and kinds. Never code, arguments, results or keys. */
export interface Report {
  readonly executionId?: string;
  readonly correlationId?: string;
  readonly attempt?: number;
  readonly codeBytes?: number;
  /** "ok", the type of the error that ended the run, or the code of the status that ended the stream. */
  readonly outcome: string;
  /** A fault of ours: name, message and stack. */
  readonly fault?: string;
  /** From Accepted to the end; absent when it never got so far. */
  readonly durationMs?: number;
  /** But for `waitMs`. */
  readonly wallMs?: number;
  readonly waitMs?: number;
  readonly cpuMs?: number;
  /** Absent when the worker could not tell. */
  readonly peakHeapBytes?: number;
  readonly calls?: number;
  readonly resultBytes?: number;
  readonly logBytes?: number;
}

/** One call that the app was asked for. */
export interface CallReport {
  readonly kind: CallKind;
  /** What the caller's program calls it. Empty for a timer. */
  readonly name: string;
  /** As the app answered, unless the program gave it up, or ended, before. */
  readonly outcome: "ok" | "error" | "cancelled" | "abandoned";
  /** From the question to the answer. */
  readonly durationMs: number;
}

type End =
  | { readonly status: ErrorCode | "GONE"; readonly cause?: unknown }
  | { readonly finished: Finished; readonly end: RunErrorType | undefined };

export function report(program: Program | undefined, durationMs: number | undefined, end: End): Report {
  const about = {
    ...(program && {
      executionId: program.executionId,
      correlationId: program.correlationId,
      attempt: program.attempt,
      codeBytes: program.codeBytes,
    }),
    ...(durationMs !== undefined && { durationMs: inMicroseconds(durationMs) }),
  };
  if ("status" in end) {
    const { status, cause } = end;
    return { ...about, outcome: status, ...(cause instanceof Error && { fault: cause.stack ?? cause.message }) };
  }
  const { usage } = end.finished;
  return {
    ...about,
    outcome: end.end === undefined ? "ok" : (RunErrorName[end.end] ?? "unknown"),
    ...(usage && {
      wallMs: inMicroseconds(usage.wallTime ? toMs(usage.wallTime) : 0),
      waitMs: inMicroseconds(usage.waitTime ? toMs(usage.waitTime) : 0),
      cpuMs: inMicroseconds(usage.cpuTime ? toMs(usage.cpuTime) : 0),
      ...(usage.peakHeapBytes > 0n && { peakHeapBytes: Number(usage.peakHeapBytes) }),
      calls: usage.calls,
      resultBytes: Number(usage.resultBytes),
      logBytes: Number(usage.logBytes),
    }),
  };
}

/** Whole milliseconds would make nothing of many short runs. */
function inMicroseconds(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
