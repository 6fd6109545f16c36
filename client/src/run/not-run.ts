import { toUsage } from "./from-wire.ts";
import { Outcome, type RunFailure } from "./outcome.ts";
import type { RunRequest } from "./start.ts";

/** The outcome of a run that did not begin. */
export function notRun<T>({ executionId, correlationId }: RunRequest, error: RunFailure): Outcome<T> {
  return new Outcome<T>({
    executionId,
    correlationId,
    value: undefined,
    error,
    calls: [],
    logs: [],
    outputs: [],
    usage: toUsage(undefined, { wallMs: 0, calls: 0 }),
    warnings: [],
    attempts: 0,
    interruptions: [],
  });
}
