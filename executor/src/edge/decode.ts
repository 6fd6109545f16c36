import {
  asBuffer,
  ClientMessage,
  ExecutorMessage,
  joined,
  partsOfCall,
  readLargeResult,
  type Shape,
  survey,
  Unfit,
} from "@codemode/proto/messages";
import { MANIFEST } from "../session/manifest.ts";
import { Refusal } from "../session/refusal.ts";

const flat: Shape = {};
const error: Shape = { 2: "text", 3: "text", 4: "text" };
const journal: Shape = { 1: { 3: "text", 6: flat, 7: error, 9: flat, 10: flat } };
const start: Shape = {
  1: "text",
  3: "text",
  4: "text",
  5: "text",
  6: "text",
  7: MANIFEST,
  9: flat,
  10: flat,
  11: { 1: flat, 2: flat, 13: flat },
  13: flat,
  15: journal,
};
const callResult: Shape = { 2: flat, 3: error, 4: flat, 5: flat };
/** What is inside a ClientMessage. */
export const clientMessage: Shape = {
  1: start,
  2: callResult,
  3: { 1: "text" },
  4: journal,
  5: flat, // the Manifest in it is looked through with those of the other pieces
  6: { 1: callResult },
};

/** Decodes what a client has sent. Throws a Refusal when it is no message of ours, or one of too many fields. */
export function decodeClientMessage(bytes: Uint8Array): ClientMessage {
  try {
    survey(bytes, clientMessage);
    const large = readLargeResult(bytes);
    return large ? { event: { $case: "callResult", value: large } } : ClientMessage.decode(bytes);
  } catch (error) {
    throw new Refusal("message", error instanceof Unfit ? error.message : "it is no ClientMessage");
  }
}

/** Encodes what a client is told. */
export function encodeExecutorMessage({ event }: ExecutorMessage): Buffer {
  const large = event?.$case === "call" ? partsOfCall(event.value) : undefined;
  return large ? joined(large) : asBuffer(ExecutorMessage.encode({ event }).finish());
}
