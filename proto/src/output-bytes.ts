import type { Output } from "./gen/codemode/v1/messages.ts";

const OVERHEAD_BYTES = 64; // so that empty items are not free

/** What an item of output counts against `Budgets.result_bytes`, wherever it is counted: all that it holds, and 64 bytes. */
export function outputBytes(item: NonNullable<Output["item"]>): number {
  switch (item.$case) {
    case "text":
      return OVERHEAD_BYTES + Buffer.byteLength(item.value);
    case "json":
      return OVERHEAD_BYTES + item.value.data.length;
    case "image":
      return OVERHEAD_BYTES + Buffer.byteLength(item.value.mimeType) + item.value.data.length;
  }
}
