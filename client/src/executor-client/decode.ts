import {
  asBuffer,
  ClientMessage,
  ExecutorMessage,
  joined,
  partsOfResult,
  readLargeCall,
  type Shape,
  survey,
} from "@codemode/proto/messages";

const flat: Shape = {};
const accepted: Shape = { 2: { 1: flat, 2: flat, 13: flat } };
const finished: Shape = { 1: flat, 2: flat, 3: { 1: flat, 2: flat, 9: flat }, 4: flat };
const output: Shape = { 2: flat, 3: flat };
const call: Shape = { 4: flat };
/** What is inside an ExecutorMessage. */
export const executorMessage: Shape = {
  1: accepted,
  2: flat,
  3: call,
  4: flat,
  5: { 1: "numbers" },
  6: finished,
  7: output,
  8: flat,
  9: flat,
  10: { 1: call },
};

/** Decodes what an executor has sent. Throws for what is no message, and before it is decoded for one of too many fields. */
export function decodeExecutorMessage(bytes: Uint8Array): ExecutorMessage {
  survey(bytes, executorMessage);
  const large = readLargeCall(bytes);
  return large ? { event: { $case: "call", value: large } } : ExecutorMessage.decode(bytes);
}

/** Encodes what an executor is told. */
export function encodeClientMessage({ event }: ClientMessage): Buffer {
  const large = event?.$case === "callResult" ? partsOfResult(event.value) : undefined;
  return large ? joined(large) : asBuffer(ClientMessage.encode({ event }).finish());
}
