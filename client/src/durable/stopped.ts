import { CodemodeError } from "@codemode/proto";
import { FencedError } from "../errors.ts";
import type { CallRow } from "../journal/index.ts";
import { messageOf } from "../thrown.ts";

// What is said of a run that its store does not let begin, go on or end.

/** Something that a run did, or how it ended, is on no record. */
export class Unrecorded extends CodemodeError {
  constructor(what: string, cause: unknown) {
    const code = CodemodeError.is(cause) ? cause.code : "INTERNAL";
    super(code, `${what} cannot be recorded: ${messageOf(cause)}`, { cause });
  }
}

/** A call, in the words of an error. */
export function nameOf({ seq, kind, name, state }: CallRow): string {
  return `call ${seq} (${kind === "timer" ? "a timer" : JSON.stringify(name)}, ${state})`;
}

/** What the caller is told of a run that could not be claimed. */
export function toUnclaimed(executionId: string, error: unknown): unknown {
  const isLate = CodemodeError.is(error) && (error.code === "TIMEOUT" || error.code === "BUSY");
  if (!isLate) return error;
  const message = `Cannot begin run ${JSON.stringify(executionId)}: ${error.message}; nothing of it has been done here`;
  return new CodemodeError(error.code, message, { cause: error });
}

/** What the caller is told when a run is no longer ours, or cannot be recorded. */
export function toStopped(executionId: string, error: unknown): CodemodeError {
  const run = JSON.stringify(executionId);
  if (error instanceof FencedError) {
    const message = `Another process has taken over run ${run}, which has been stopped here: ${error.message}`;
    return new FencedError(message, { cause: error });
  }
  const code = CodemodeError.is(error) ? error.code : "INTERNAL";
  const message = `Run ${run} has been stopped: ${messageOf(error)}; execute the same again to resume it`;
  return new CodemodeError(code, message, { cause: error });
}
