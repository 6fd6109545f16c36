import { constants } from "node:os";
import { CodemodeError } from "@codemode/proto";
import type { Outcome } from "../run/outcome.ts";

/** What the command's exit codes mean; those above 63 are the ones of sysexits.h. */
export const ExitCode = {
  ok: 0,
  programFailed: 1,
  usage: 2,
  unreachable: 69,
  internal: 70,
  configuration: 78,
  timedOut: 124,
} as const;

/** The command was called in a way that cannot work. */
export class UsageError extends Error {}

/** What a shell shows for a process that a signal ended. */
export function exitCodeOfSignal(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

export function exitCodeOfOutcome({ status, error }: Pick<Outcome, "status" | "error">): number {
  if (status === "ok") return ExitCode.ok;
  return error?.type === "Timeout" ? ExitCode.timedOut : ExitCode.programFailed;
}

export function exitCodeOfError(error: unknown): number {
  if (error instanceof UsageError) return ExitCode.usage;
  if (!CodemodeError.is(error)) return ExitCode.internal;
  switch (error.code) {
    case "INVALID_CONFIG":
      return ExitCode.configuration;
    case "UNREACHABLE":
    case "TIMEOUT":
    case "BUSY":
    case "UNAUTHENTICATED":
    case "PERMISSION_DENIED":
    case "CLOSED":
      return ExitCode.unreachable;
    case "INVALID_ARGUMENT":
    case "ALREADY_EXISTS":
    case "NOT_FOUND":
      return ExitCode.usage;
    case "CANCELLED":
    case "UNSUPPORTED":
    case "PROTOCOL":
    case "INTERNAL":
      return ExitCode.internal;
  }
}
