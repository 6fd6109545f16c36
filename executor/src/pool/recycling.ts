import { RunErrorType } from "@codemode/proto/messages";
import type { RunEnd } from "./run.ts";

const MAX_RUNS = 100;
const MAX_AGE_MS = 600_000;
const MAX_CPU_MS = 60_000; // keeps a worker well under its `ulimit -t`

/** Ends that leave nothing behind: the program failed by itself, within its limits. */
const HARMLESS: ReadonlySet<RunEnd> = new Set<RunEnd>([
  undefined,
  RunErrorType.RUN_ERROR_TYPE_SYNTAX_ERROR,
  RunErrorType.RUN_ERROR_TYPE_RUNTIME_ERROR,
  RunErrorType.RUN_ERROR_TYPE_TOOL_ERROR,
  RunErrorType.RUN_ERROR_TYPE_TOOL_INPUT_ERROR,
  RunErrorType.RUN_ERROR_TYPE_TOOL_OUTPUT_ERROR,
  RunErrorType.RUN_ERROR_TYPE_UNKNOWN_TOOL,
  RunErrorType.RUN_ERROR_TYPE_UNSERIALIZABLE,
  RunErrorType.RUN_ERROR_TYPE_DEADLOCK,
  RunErrorType.RUN_ERROR_TYPE_CANCELLED, // while it waited: one that was busy is killed
]);

/** True when a worker may run another program of its tenant. */
export function mayRunAgain(end: RunEnd, worker: { runs: number; ageMs: number; cpuMs: number }): boolean {
  return HARMLESS.has(end) && worker.runs < MAX_RUNS && worker.ageMs < MAX_AGE_MS && worker.cpuMs < MAX_CPU_MS;
}
