import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { type ErrorCode, fromGrpcStatus, readStatusDetails } from "@codemode/proto";
import {
  ExecutorAuthError,
  ExecutorBusyError,
  ExecutorClientError,
  ExecutorConnectionError,
  ExecutorTimeoutError,
} from "../errors.ts";
import { readable } from "./readable.ts";

/** An attempt whose stream broke, or never came about. The program may have run in part, or not at all. */
export class BrokenAttempt extends Error {
  readonly address: string;
  readonly status: ServiceError;

  constructor(address: string, cause: ServiceError) {
    super(readable(cause.details || cause.message), { cause });
    this.address = address;
    this.status = cause;
  }

  /** The refusal of a network that says nothing. */
  static unconnected(address: string, timeoutMs: number): BrokenAttempt {
    return BrokenAttempt.of(address, status.DEADLINE_EXCEEDED, `no connection within ${timeoutMs} ms`);
  }

  /** No executor to try. */
  static unstarted(address: string, { message }: ExecutorClientError): BrokenAttempt {
    return BrokenAttempt.of(address, status.UNAVAILABLE, message);
  }

  static of(address: string, code: status, details: string): BrokenAttempt {
    const cause = Object.assign(new Error(details), { code, details, metadata: new Metadata() });
    return new BrokenAttempt(address, cause);
  }

  get code(): ErrorCode {
    return fromGrpcStatus(this.status.code);
  }

  /** True when another attempt may end better. */
  get retryable(): boolean {
    const { code, details } = this.status;
    switch (code) {
      case status.UNAVAILABLE:
      case status.DEADLINE_EXCEEDED:
      case status.CANCELLED: // not by us, or it would not have come this far
        return true;
      case status.RESOURCE_EXHAUSTED:
        return !isTooLarge(this.status);
      // An executor says these of itself, and grpc-js says them of a stream or a proxy that was cut off.
      case status.INTERNAL:
      case status.UNKNOWN:
        return /^Received (?:RST_STREAM|HTTP status code 5)/.test(details);
      default:
        return false;
    }
  }

  /** True when nobody may be there any more. */
  get isGone(): boolean {
    return this.status.code === status.UNAVAILABLE;
  }

  /** The wait that the executor asks for, in milliseconds. */
  get retryAfterMs(): number | undefined {
    return readStatusDetails(this.status.metadata).retryAfterMs;
  }
}

/** What the caller is told of a gRPC failure, after `attempts` of them. */
export function toClientError(error: ServiceError, address: string, attempts: number): ExecutorClientError {
  const options = { cause: error };
  const said = readable(error.details || error.message);
  const tries = attempts === 1 ? "1 attempt" : `${attempts} attempts`;
  switch (error.code) {
    case status.UNAVAILABLE:
      return new ExecutorConnectionError(`Cannot reach an executor at ${address} after ${tries}: ${said}`, options);
    case status.DEADLINE_EXCEEDED:
      return new ExecutorTimeoutError(`The executor at ${address} did not answer in time, ${tries}: ${said}`, options);
    case status.UNAUTHENTICATED:
      return new ExecutorAuthError(`The executor at ${address} refused the API key: ${said}`, options);
    case status.RESOURCE_EXHAUSTED:
      if (isTooLarge(error)) break;
      return new ExecutorBusyError(`The executor at ${address} has no room after ${tries}: ${said}`, options);
    default:
  }
  const { field } = readStatusDetails(error.metadata);
  const code = isTooLarge(error) ? "INVALID_ARGUMENT" : fromGrpcStatus(error.code);
  return new ExecutorClientError(
    code,
    `The executor at ${address} refused${field ? ` ${field.slice(0, MAX_FIELD)}` : ""}: ${said}`,
    options,
  );
}

const MAX_FIELD = 200; // characters

/**
 * The executor was there and left the run waiting. Another attempt would go to the end of the same queue; but a run that
 * has begun elsewhere has more to lose than its place.
 */
export function notAccepted(
  { address, acceptTimeoutMs }: { address: string; acceptTimeoutMs: number },
  hasBegun: boolean,
): BrokenAttempt | ExecutorClientError {
  const message = `did not accept the run within ${acceptTimeoutMs} ms`;
  if (hasBegun) return BrokenAttempt.of(address, status.DEADLINE_EXCEEDED, message);
  return new ExecutorTimeoutError(`The executor at ${address} ${message}`);
}

export function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "code" in error && typeof error.code === "number" && "details" in error;
}

// grpc-js reports a message over its limit with the code of a full server, but it stays too large however often it is sent.
function isTooLarge(error: ServiceError): boolean {
  return (
    error.code === status.RESOURCE_EXHAUSTED &&
    /message larger than max|larger than the configured/i.test(error.details)
  );
}
