import { hash } from "node:crypto";
import type { Call } from "./gen/codemode/v1/messages.ts";
import { CallKind } from "./gen/codemode/v1/run.ts";

/** `JournalEntry.arguments_hash` of a call, as PROTOCOL.md says: both ends of the wire must come to the same. */
export function argumentsHash(call: Call): Buffer {
  const asked = call.kind === CallKind.CALL_KIND_TIMER ? String(call.delayMs) : (call.arguments?.data ?? "");
  return hash("sha256", asked, "buffer");
}
