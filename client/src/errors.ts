import { CodemodeError, type ErrorCode } from "@codemode/proto";
import type { CallRecord, Outcome } from "./run/outcome.ts";

export { CodemodeError, type ErrorCode };

/** The configuration cannot be used. The message names the place and the fix. */
export class ConfigError extends CodemodeError {
  constructor(message: string, options?: ErrorOptions) {
    super("INVALID_CONFIG", message, options);
  }
}

/** A tool, an agent or a context was registered or looked up in a way that cannot work. */
export class RegistryError extends CodemodeError {
  constructor(message: string, code: ErrorCode = "INVALID_ARGUMENT", options?: ErrorOptions) {
    super(code, message, options);
  }
}

/** No component has this name. */
export class ComponentNotFoundError extends RegistryError {
  constructor(message: string) {
    super(message, "NOT_FOUND");
  }
}

/** The name is taken, and `overwrite` was not asked for. */
export class ComponentAlreadyExistsError extends RegistryError {
  constructor(message: string) {
    super(message, "ALREADY_EXISTS");
  }
}

/** The executor could not be used, or did not keep to the protocol. What a program did is never one of these. */
export class ExecutorClientError extends CodemodeError {
  /** What the app has done for the run before the executor broke the protocol, so that no effect goes unnoticed. */
  readonly calls: readonly CallRecord[];

  constructor(code: ErrorCode, message: string, options: ErrorOptions & { calls?: readonly CallRecord[] } = {}) {
    super(code, message, options);
    this.calls = options.calls ?? [];
  }
}

/** No executor answered at its address, in all the attempts that the configuration allows. */
export class ExecutorConnectionError extends ExecutorClientError {
  constructor(message: string, options?: ErrorOptions) {
    super("UNREACHABLE", message, options);
  }
}

/** An executor did not connect, start or lend a slot in time. The program did not run. */
export class ExecutorTimeoutError extends ExecutorClientError {
  constructor(message: string, options?: ErrorOptions) {
    super("TIMEOUT", message, options);
  }
}

/** The executor refused the API key. The program did not run. */
export class ExecutorAuthError extends ExecutorClientError {
  constructor(message: string, options?: ErrorOptions) {
    super("UNAUTHENTICATED", message, options);
  }
}

/** Every slot of the executor stayed taken. The program did not run. */
export class ExecutorBusyError extends ExecutorClientError {
  constructor(message: string, options?: ErrorOptions) {
    super("BUSY", message, options);
  }
}

/** This process no longer owns a run: another has taken it over, or it has ended. What it did last is not recorded. */
export class FencedError extends CodemodeError {
  constructor(message: string, options?: ErrorOptions) {
    super("CLOSED", message, options);
  }
}

/**
 * What `outcome.unwrap()` throws for a program that failed.
 *
 * No `CodemodeError`: Codemode did its work, the program did not.
 */
export class OutcomeError extends Error {
  override readonly name = "OutcomeError";
  readonly outcome: Outcome;

  constructor(outcome: Outcome) {
    super(outcome.error ? `${outcome.error.type}: ${outcome.error.message}` : "The program failed");
    this.outcome = outcome;
  }
}

/** How a tool failed, for programs to act on. */
export interface ToolErrorOptions extends ErrorOptions {
  /** For `error.code` in the program, such as `NOT_FOUND`. */
  readonly code?: string;
  /** Whether the same call may succeed later. */
  readonly retryable?: boolean;
}

/**
 * What a handler throws when a call cannot be answered. Any error will do; this one has the fields that a program sees
 * besides the message.
 */
export class ToolError extends Error {
  override name = "ToolError";
  readonly code: string | undefined;
  readonly retryable: boolean;

  constructor(message: string, { code, retryable = false, ...options }: ToolErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.retryable = retryable;
  }
}
