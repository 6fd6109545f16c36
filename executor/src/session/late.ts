import { CodemodeError } from "@codemode/proto";

const WITHIN_MS = 10_000; // for all that the app is to send in pieces

/** Calls `late` with what the stream ends with, unless all of `what` has come in time. Cleared by whoever has it. */
export function dueInTime(what: () => "journal" | "manifest", late: (error: CodemodeError) => void): NodeJS.Timeout {
  const error = () => new CodemodeError("TIMEOUT", `Cannot wait for the ${what()} any longer than ${WITHIN_MS} ms`);
  return setTimeout(() => late(error()), WITHIN_MS);
}
