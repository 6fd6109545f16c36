import { Metadata } from "@grpc/grpc-js";
import { BadRequest, RetryInfo } from "./gen/google/rpc/error_details.ts";
import { Status } from "./gen/google/rpc/status.ts";
import { toDuration, toMs } from "./time.ts";

const TRAILER = "grpc-status-details-bin";
const TYPE = "type.googleapis.com/";

/** What a status says beyond its code: when to try again, which field was wrong. */
export interface StatusDetails {
  /** The shortest wait before another attempt, in milliseconds. */
  readonly retryAfterMs?: number;
  /** The path of the field that was refused, such as `start.budgets.wall_time`. */
  readonly field?: string;
}

/** Trailing metadata that carries `details` as google.rpc.Status. */
export function withStatusDetails(code: number, message: string, details: StatusDetails): Metadata {
  const any = [];
  if (details.retryAfterMs !== undefined) {
    const info = RetryInfo.encode({ retryDelay: toDuration(details.retryAfterMs) }).finish();
    any.push({ typeUrl: `${TYPE}google.rpc.RetryInfo`, value: Buffer.from(info) });
  }
  if (details.field !== undefined) {
    const violation = { field: details.field, description: message };
    const bad = BadRequest.encode({ fieldViolations: [violation] }).finish();
    any.push({ typeUrl: `${TYPE}google.rpc.BadRequest`, value: Buffer.from(bad) });
  }
  const metadata = new Metadata();
  metadata.set(TRAILER, Buffer.from(Status.encode({ code, message, details: any }).finish()));
  return metadata;
}

/** The details in a status's trailing metadata. What cannot be read is passed over: details are advice. */
export function readStatusDetails(metadata: Metadata | undefined): StatusDetails {
  const found: { retryAfterMs?: number; field?: string } = {};
  try {
    const [bytes] = metadata?.get(TRAILER) ?? [];
    if (!Buffer.isBuffer(bytes)) return found;
    for (const any of Status.decode(bytes).details) {
      if (any.typeUrl === `${TYPE}google.rpc.RetryInfo`) {
        const { retryDelay } = RetryInfo.decode(any.value);
        if (retryDelay) found.retryAfterMs = toMs(retryDelay);
      } else if (any.typeUrl === `${TYPE}google.rpc.BadRequest`) {
        const [violation] = BadRequest.decode(any.value).fieldViolations;
        if (violation) found.field = violation.field;
      }
    }
  } catch {
    // A peer's malformed details must not hide its status.
  }
  return found;
}
