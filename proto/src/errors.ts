import { status } from "@grpc/grpc-js";

/** Why an operation of Codemode itself failed. What a *program* did is an outcome, never one of these. */
export type ErrorCode =
  | "INVALID_ARGUMENT"
  | "INVALID_CONFIG"
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "UNAUTHENTICATED"
  | "PERMISSION_DENIED"
  | "BUSY"
  | "UNREACHABLE"
  | "TIMEOUT"
  | "CANCELLED"
  | "UNSUPPORTED"
  | "PROTOCOL"
  | "CLOSED"
  | "INTERNAL";

const brand = Symbol.for("codemode.error");

/** What Codemode throws. Branch on `code`; `message` is for people and may change. */
export class CodemodeError extends Error {
  readonly [brand] = true;
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }

  /** True for errors of every copy of this package, unlike `instanceof`. */
  static is(value: unknown): value is CodemodeError {
    return value instanceof Error && brand in value;
  }
}

/** The one table between our codes and gRPC's. */
const grpcStatusOf: Readonly<Record<ErrorCode, status>> = {
  INVALID_ARGUMENT: status.INVALID_ARGUMENT,
  INVALID_CONFIG: status.FAILED_PRECONDITION,
  NOT_FOUND: status.NOT_FOUND,
  ALREADY_EXISTS: status.ALREADY_EXISTS,
  UNAUTHENTICATED: status.UNAUTHENTICATED,
  PERMISSION_DENIED: status.PERMISSION_DENIED,
  BUSY: status.RESOURCE_EXHAUSTED,
  UNREACHABLE: status.UNAVAILABLE,
  TIMEOUT: status.DEADLINE_EXCEEDED,
  CANCELLED: status.CANCELLED,
  UNSUPPORTED: status.UNIMPLEMENTED,
  PROTOCOL: status.INVALID_ARGUMENT,
  CLOSED: status.UNAVAILABLE,
  INTERNAL: status.INTERNAL,
};

const codeOfGrpcStatus: ReadonlyMap<number, ErrorCode> = new Map([
  [status.INVALID_ARGUMENT, "INVALID_ARGUMENT"],
  [status.FAILED_PRECONDITION, "INVALID_CONFIG"],
  [status.NOT_FOUND, "NOT_FOUND"],
  [status.ALREADY_EXISTS, "ALREADY_EXISTS"],
  [status.UNAUTHENTICATED, "UNAUTHENTICATED"],
  [status.PERMISSION_DENIED, "PERMISSION_DENIED"],
  [status.RESOURCE_EXHAUSTED, "BUSY"],
  [status.UNAVAILABLE, "UNREACHABLE"],
  [status.DEADLINE_EXCEEDED, "TIMEOUT"],
  [status.CANCELLED, "CANCELLED"],
  [status.UNIMPLEMENTED, "UNSUPPORTED"],
]);

/** The gRPC status that carries `code`. */
export function toGrpcStatus(code: ErrorCode): status {
  return grpcStatusOf[code];
}

/** The code that a gRPC status carries; `INTERNAL` for those that say nothing more. */
export function fromGrpcStatus(code: number): ErrorCode {
  return codeOfGrpcStatus.get(code) ?? "INTERNAL";
}
