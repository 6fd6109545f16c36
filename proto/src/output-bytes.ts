import type { Output } from "./gen/codemode/v1/messages.ts";

/** Bytes that an item of output counts beside its own, so that empty ones are not free. */
export const OUTPUT_OVERHEAD_BYTES = 64;

/** What an item of output takes by itself, in bytes. */
export function outputBytes(item: NonNullable<Output["item"]>): number {
  switch (item.$case) {
    case "text":
      return Buffer.byteLength(item.value);
    case "json":
      return item.value.data.length;
    case "image":
      return Buffer.byteLength(item.value.mimeType) + item.value.data.length;
  }
}
