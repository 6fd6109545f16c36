import { primordials } from "./primordials.ts";

const { apply, charCodeAt, fromCharCode, typedArrayLength } = primordials;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const PADDING = 61; // "="

// An isolate has neither Buffer nor btoa, and the language's own `toBase64` is not in Node 24.
const codeOf: number[] = Array.from(ALPHABET, (digit) => digit.charCodeAt(0));
const digitOf = new Uint8Array(128).fill(255);
for (let digit = 0; digit < 64; digit++) digitOf[codeOf[digit] as number] = digit;

const CHUNK = 4096; // characters that become text at a time: few enough to be arguments of one call
const chunk: number[] = Array.from({ length: CHUNK }, () => 0);

/** RFC 4648 base64, with padding. */
export function toBase64(bytes: Uint8Array): string {
  const length = typedArrayLength(bytes);
  let text = "";
  let at = 0;
  for (let used = 0; at + 2 < length; used = 0) {
    for (; used < CHUNK && at + 2 < length; at += 3) {
      const bits = ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
      used = put(used, bits);
    }
    text += textOf(used);
  }
  if (at === length) return text;
  const hasTwo = at + 1 < length;
  put(0, ((bytes[at] as number) << 16) | (hasTwo ? (bytes[at + 1] as number) << 8 : 0));
  if (!hasTwo) chunk[2] = PADDING;
  chunk[3] = PADDING;
  return text + textOf(4);
}

/** Four digits at `used`, and where the next begin. */
function put(used: number, bits: number): number {
  chunk[used] = codeOf[bits >> 18] as number;
  chunk[used + 1] = codeOf[(bits >> 12) & 63] as number;
  chunk[used + 2] = codeOf[(bits >> 6) & 63] as number;
  chunk[used + 3] = codeOf[bits & 63] as number;
  return used + 4;
}

function textOf(used: number): string {
  const text = apply(fromCharCode, undefined, chunk);
  return used === CHUNK ? text : primordials.slice(text, 0, used);
}

/** The bytes of base64 `text`; undefined when it is none. */
export function fromBase64(text: string): Uint8Array | undefined {
  const { length } = text;
  if (length % 4 !== 0) return undefined;
  let padding = 0;
  if (length > 0 && charCodeAt(text, length - 1) === PADDING)
    padding = charCodeAt(text, length - 2) === PADDING ? 2 : 1;
  const size = (length / 4) * 3 - padding;
  const bytes = new primordials.Uint8Array(size);
  let out = 0;
  for (let at = 0; at < length; at += 4) {
    let bits = 0;
    for (let i = 0; i < 4; i++) {
      const code = charCodeAt(text, at + i);
      const value = code === PADDING && at + i >= length - padding ? 0 : code < 128 ? (digitOf[code] as number) : 255;
      if (value === 255) return undefined;
      bits = (bits << 6) | value;
    }
    if (out < size) bytes[out++] = bits >> 16;
    if (out < size) bytes[out++] = (bits >> 8) & 255;
    if (out < size) bytes[out++] = bits & 255;
  }
  return bytes;
}
