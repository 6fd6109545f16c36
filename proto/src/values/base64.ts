import { primordials } from "./primordials.ts";

const { charCodeAt, slice, typedArrayLength } = primordials;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// An isolate has neither Buffer nor btoa, and the language's own `toBase64` is not in Node 24.
const digitOf = new Uint8Array(128).fill(255);
for (let digit = 0; digit < 64; digit++) digitOf[ALPHABET.charCodeAt(digit)] = digit;

/** RFC 4648 base64, with padding. */
export function toBase64(bytes: Uint8Array): string {
  const length = typedArrayLength(bytes);
  let text = "";
  for (let at = 0; at < length; at += 3) {
    const a = bytes[at] as number;
    const b = at + 1 < length ? (bytes[at + 1] as number) : 0;
    const c = at + 2 < length ? (bytes[at + 2] as number) : 0;
    text += digit(a >> 2) + digit(((a & 3) << 4) | (b >> 4));
    text += at + 1 < length ? digit(((b & 15) << 2) | (c >> 6)) : "=";
    text += at + 2 < length ? digit(c & 63) : "=";
  }
  return text;
}

function digit(value: number): string {
  return slice(ALPHABET, value, value + 1);
}

/** The bytes of base64 `text`; undefined when it is none. */
export function fromBase64(text: string): Uint8Array | undefined {
  const { length } = text;
  if (length % 4 !== 0) return undefined;
  let padding = 0;
  if (length > 0 && charCodeAt(text, length - 1) === 61) padding = charCodeAt(text, length - 2) === 61 ? 2 : 1;
  const size = (length / 4) * 3 - padding;
  const bytes = new primordials.Uint8Array(size);
  let out = 0;
  for (let at = 0; at < length; at += 4) {
    let bits = 0;
    for (let i = 0; i < 4; i++) {
      const code = charCodeAt(text, at + i);
      const value = code === 61 && at + i >= length - padding ? 0 : code < 128 ? (digitOf[code] as number) : 255;
      if (value === 255) return undefined;
      bits = (bits << 6) | value;
    }
    if (out < size) bytes[out++] = bits >> 16;
    if (out < size) bytes[out++] = (bits >> 8) & 255;
    if (out < size) bytes[out++] = bits & 255;
  }
  return bytes;
}
