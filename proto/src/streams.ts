import { once } from "node:events";
import type { ObjectReadable, ObjectWritable } from "@grpc/grpc-js/build/src/object-stream.js";

/** Messages of a grpc-js stream, typed. Leaving early keeps the call open, so a status can still be sent. */
export function messages<T>(call: ObjectReadable<T>): AsyncIterable<T> {
  return call.iterator({ destroyOnReturn: false }) as AsyncIterable<T>; // grpc-js types its iterator as `any`
}

/** Writes one message and waits for room, so a slow peer slows us down instead of filling memory. */
export async function send<T>(call: ObjectWritable<T>, message: T, signal: AbortSignal): Promise<void> {
  if (!call.write(message)) await once(call, "drain", { signal });
}
