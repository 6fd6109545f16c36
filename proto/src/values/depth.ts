import { MalformedValueError } from "./errors.ts";
import { primordials } from "./primordials.ts";

const { charCodeAt, indexOf } = primordials;

/** Refuses text that nests too deep for a recursive reader, without parsing it. */
export function checkDepth(text: string, maxDepth: number): void {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = charCodeAt(text, at);
    if (code === 34) at = endOfString(text, at);
    else if (code === 91 || code === 123) {
      if (++depth > maxDepth) throw new MalformedValueError(`The text is nested deeper than ${maxDepth} levels`);
    } else if (code === 93 || code === 125) depth--;
  }
}

/** Where the string that begins at `start` ends. */
function endOfString(text: string, start: number): number {
  for (let at = indexOf(text, `"`, start + 1); at !== -1; at = indexOf(text, `"`, at + 1)) {
    let backslashes = 0;
    while (charCodeAt(text, at - 1 - backslashes) === 92) backslashes++;
    if (backslashes % 2 === 0) return at;
  }
  return text.length;
}
