import type { Output } from "./gen/codemode/v1/messages.ts";

/** Bytes that an item of output counts in an executor beside its own, so that empty ones are not free. */
export const OUTPUT_OVERHEAD_BYTES = 64;

/** What an item of output takes by itself, in bytes. */
export function outputBytes(item: NonNullable<Output["item"]>): number {
  return item.$case === "text" ? Buffer.byteLength(item.value) : item.value.data.length;
}
