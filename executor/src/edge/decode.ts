import { isUtf8 } from "node:buffer";
import { CodemodeError } from "@codemode/proto";
import { ClientMessage } from "@codemode/proto/messages";
import { Refusal } from "../session/refusal.ts";

/** What is inside a message: text, and other messages. What is left out are numbers and payloads. */
type Shape = { readonly [field: number]: Shape | "text" };

const flat: Shape = {};
const error: Shape = { 2: "text", 3: "text", 4: "text" };
const journal: Shape = { 1: { 3: "text", 6: flat, 7: error, 9: flat } };
const component: Shape = { 1: "text", 2: "text", 3: "text", 4: "text" };
const start: Shape = {
  1: "text",
  3: "text",
  4: "text",
  5: "text",
  6: "text",
  7: { 1: component, 2: component },
  9: flat,
  10: flat,
  11: { 1: flat, 2: flat, 13: flat },
  13: flat,
  15: journal,
};
const clientMessage: Shape = { 1: start, 2: { 2: flat, 3: error, 4: flat }, 3: { 1: "text" }, 4: journal };

/**
 * A message of 4 MiB can be two million fields of two bytes each: seconds and a gigabyte to decode. This many take some
 * 30 ms, and are a manifest of 6,000 tools or 2,000 calls of a journal.
 */
const MAX_FIELDS = 32_768;
const MAX_VARINT_BYTES = 10;

/** Decodes what a client has sent. Throws a Refusal when it is no message of ours, or one of too many fields. */
export function decodeClientMessage(bytes: Uint8Array): ClientMessage {
  try {
    new Survey(bytes).take(0, bytes.length, clientMessage);
    return ClientMessage.decode(bytes);
  } catch (error) {
    if (CodemodeError.is(error)) throw error;
    throw new Refusal("message", "it is no ClientMessage");
  }
}

/** Looks through a message before anything is made of it: counts its fields, and sees that its text is text. */
class Survey {
  readonly #bytes: Uint8Array;
  #at = 0;
  #fields = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Throws a Refusal, and a RangeError for what is no protobuf at all. */
  take(from: number, end: number, shape: Shape): void {
    for (this.#at = from; this.#at < end;) {
      this.#fields += 1;
      if (this.#fields > MAX_FIELDS) throw new Refusal("message", `it has more than ${MAX_FIELDS} fields`);
      const tag = this.#varint(end);
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
    }
  }

  #inside(length: number, end: number, shape: Shape | "text" | undefined): void {
    const [from, until] = [this.#at, this.#at + length];
    if (until > end) throw new RangeError("Truncated");
    if (shape === "text") {
      if (!isUtf8(this.#bytes.subarray(from, until))) throw new Refusal("message", "its text is not UTF-8");
    } else if (shape) this.take(from, until, shape);
    this.#at = until;
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
