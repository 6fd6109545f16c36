import type { StatusObject } from "@grpc/grpc-js";
import { type CodemodeError, toGrpcStatus, type StatusDetails, withStatusDetails } from "@codemode/proto";
import { BusyError } from "../pool/busy.ts";
import { Refusal } from "../session/refusal.ts";

const AGAIN_AFTER_MS = 100; // another executor can take it at once; the same one after a restart

/** The gRPC status that tells a peer about `error`. */
export function toStatus(error: CodemodeError): StatusObject {
  const code = toGrpcStatus(error.code);
  return { code, details: error.message, metadata: withStatusDetails(code, error.message, detailsOf(error)) };
}

function detailsOf(error: CodemodeError): StatusDetails {
  if (error instanceof BusyError) return { retryAfterMs: error.retryAfterMs };
  if (error instanceof Refusal) return { field: error.field };
  return error.code === "CLOSED" || error.code === "UNREACHABLE" ? { retryAfterMs: AGAIN_AFTER_MS } : {};
}
