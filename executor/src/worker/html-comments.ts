import type { Token } from "acorn";
import type { Edits } from "./edits.ts";

/**
 * Keeps `x<!--y` the operators that they are in a module: V8, which compiles a script, would take them for a comment of
 * HTML. (A line that begins with `-->`, the other such comment, is no program in a module.) Undefined for a source that
 * has no such text, which then needs no look at its tokens.
 */
export function partHtmlComments(source: string, edits: Edits): ((token: Token) => void) | undefined {
  if (!source.includes("<!--")) return undefined;
  return ({ start, end }) => {
    if (end - start === 1 && source.startsWith("<!--", start)) edits.insert(end, " ");
  };
}
