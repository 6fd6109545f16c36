import { primordials } from "./primordials.ts";

const { charCodeAt, regExpExec } = primordials;
const beyondAscii = /[\x80-\uffff]/; // said so, and not by what is ASCII, V8 interprets it in half the time
const { Buffer: NodeBuffer } = globalThis as { Buffer?: typeof Buffer };

/** How many bytes `text` takes in UTF-8. A lone surrogate counts as the U+FFFD that it is written as. */
export function utf8Length(text: string): number {
  if (NodeBuffer) return NodeBuffer.byteLength(text, "utf8");
  return regExpExec(beyondAscii, text) === null ? text.length : walk(text, Infinity).bytes;
}

/** The longest beginning of `text` that takes at most `maxBytes` in UTF-8 and splits no character. */
export function utf8Slice(text: string, maxBytes: number): string {
  return text.length * 3 <= maxBytes ? text : primordials.slice(text, 0, walk(text, maxBytes).units);
}

/** Counts up to the last character that fits. */
function walk(text: string, maxBytes: number): { units: number; bytes: number } {
  let bytes = 0;
  let units = 0;
  while (units < text.length) {
    const unit = charCodeAt(text, units);
    const isPair = unit >= 0xd800 && unit < 0xdc00 && isLow(charCodeAt(text, units + 1));
    const more = isPair ? 4 : unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3;
    if (bytes + more > maxBytes) break;
    bytes += more;
    units += isPair ? 2 : 1;
  }
  return { units, bytes };
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}
