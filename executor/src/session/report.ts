import { type ErrorCode } from "@codemode/proto";
import { type Finished, type RunErrorType, toMs } from "@codemode/proto/messages";
import { RunErrorName } from "./outcome.ts";
import type { Program } from "./start.ts";

/** One session for the log: ids, sizes and kinds. Never code, arguments, results or keys. */
export interface Report {
  readonly executionId?: string;
  readonly correlationId?: string;
  readonly attempt?: number;
  readonly codeBytes?: number;
  /** "ok", the type of the error that ended the run, or the code of the status that ended the stream. */
  readonly outcome: string;
  /** A fault of ours: name, message and stack. */
  readonly fault?: string;
  readonly wallMs?: number;
  readonly cpuMs?: number;
  readonly calls?: number;
  readonly resultBytes?: number;
  readonly logBytes?: number;
}

type End =
  | { readonly status: ErrorCode | "GONE"; readonly cause?: unknown }
  | { readonly finished: Finished; readonly end: RunErrorType | undefined };

export function report(program: Program | undefined, end: End): Report {
  const about = program && {
    executionId: program.executionId,
    correlationId: program.correlationId,
    attempt: program.attempt,
    codeBytes: program.codeBytes,
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
      wallMs: Math.round(usage.wallTime ? toMs(usage.wallTime) : 0),
      cpuMs: Math.round(usage.cpuTime ? toMs(usage.cpuTime) : 0),
      calls: usage.calls,
      resultBytes: Number(usage.resultBytes),
      logBytes: Number(usage.logBytes),
    }),
  };
}
