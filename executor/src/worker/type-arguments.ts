import { type Node, visit } from "./parse.ts";

const CALL = /(?<!=)>\s*[(`]/; // an arrow is none
const MOST = 2_000; // characters of type arguments

/**
 * Whether JavaScript has read type arguments as comparisons: `f<number>(x)` is `(f < number) > x` to it. TypeScript
 * never reads them so, not even where they are meant.
 */
export function hasTypeArguments(source: string, statements: readonly Node[]): boolean {
  if (!CALL.test(source)) return false;
  let found = false;
  visit(statements, ({ type, operator, right }) => {
    if (found || type !== "BinaryExpression" || !right || !/^>{1,3}$/.test(operator ?? "")) return !found;
    const before = source.slice(Math.max(0, right.start - MOST), right.start);
    const inside = /^[^]*(?=\(\s*$)/.exec(before)?.[0]; // a parenthesis is no node
    const upTo = inside ?? (/^[(`]/.test(source.slice(right.start, right.start + 1)) ? before : "");
    found = upTo.trimEnd().endsWith(">") && opensBefore(upTo);
    return !found;
  });
  return found;
}

/** Whether the `>` at the end of a text closes a `<` that stands right behind a name. */
function opensBefore(text: string): boolean {
  let open = 0;
  for (let at = text.length - 1; at >= 0; at--) {
    const two = text.slice(at - 1, at + 1);
    if (text[at] === ">" && two !== "=>") open += 1;
    else if (text[at] === "<" && --open === 0) return /[\w$)\]]\s*$/.test(text.slice(0, at));
    else if (text[at] === ";" || two === "&&" || two === "||") return false;
  }
  return false;
}
