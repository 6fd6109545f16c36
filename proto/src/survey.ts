import { isUtf8 } from "node:buffer";

/** What is inside a message: text, lists of numbers, and other messages. What is left out are single numbers and payloads. */
export type Shape = { readonly [field: number]: Shape | "text" | "numbers" };

/** Why a message is not taken. */
export class Unfit extends Error {}

/**
 * A message of 4 MiB can be two million fields of two bytes each: seconds and a gigabyte to decode. This many take some
 * 30 ms, and are a manifest of 6,000 tools or 2,000 calls of a journal.
 */
const MAX_FIELDS = 32_768;
const MAX_VARINT_BYTES = 10;

/**
 * Looks through a message before anything is made of it: counts its fields, and sees that its text is text. Returns how
 * many there are. Throws an Unfit, and a RangeError for what is no protobuf at all.
 */
export function survey(bytes: Uint8Array, shape: Shape): number {
  const surveyed = new Survey(bytes);
  surveyed.take(0, bytes.length, shape);
  return surveyed.fields;
}

class Survey {
  readonly #bytes: Uint8Array;
  #at = 0;
  /** So far. */
  fields = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  take(from: number, end: number, shape: Shape): void {
    for (this.#at = from; this.#at < end;) {
      this.#count(1);
      const tag = this.#varint(end);
      if (tag >>> 3 === 0) throw new RangeError("No field has the number 0"); // generated code stops there
      switch (tag & 7) {
        case 0:
          this.#varint(end);
          break;
        case 1:
          this.#at += 8;
          break;
        case 2:
          this.#inside(this.#varint(end), end, shape[tag >>> 3]);
          break;
        case 5:
          this.#at += 4;
          break;
        default:
          throw new RangeError("Groups are not in use");
      }
      if (this.#at > end) throw new RangeError("Truncated"); // or else a decoder would read on elsewhere than we do
    }
  }

  #inside(length: number, end: number, shape: Shape[number] | undefined): void {
    const [from, until] = [this.#at, this.#at + length];
    if (until > end) throw new RangeError("Truncated");
    if (shape === "text") {
      if (!isUtf8(this.#bytes.subarray(from, until))) throw new Unfit("its text is not UTF-8");
    } else if (shape === "numbers") {
      this.#count(length); // of one byte each, at worst
      if (length > 0 && this.#bytes[until - 1]! >= 0x80) throw new RangeError("Truncated"); // its decoder would read on
    } else if (shape) this.take(from, until, shape);
    this.#at = until;
  }

  #count(fields: number): void {
    this.fields += fields;
    if (this.fields > MAX_FIELDS) throw new Unfit(`it has more than ${MAX_FIELDS} fields`);
  }

  /** The low 32 bits, which are enough here. */
  #varint(end: number): number {
    let result = 0;
    for (let index = 0; index < MAX_VARINT_BYTES && this.#at < end; index++) {
      const byte = this.#bytes[this.#at++]!;
      if (index < 5) result |= (byte & 0x7f) << (7 * index);
      if (byte < 0x80) return result >>> 0;
    }
    throw new RangeError("Truncated");
  }
}
