import { type Parsed, visit } from "./parse.ts";

const CALL = /(?<!=)>\s*[(`]/; // an arrow is none
const MOST = 500; // characters of type arguments, of which as many are looked at

/**
 * Whether JavaScript has read type arguments as comparisons: `f<number>(x)` is `(f < number) > x` to it. TypeScript
 * never reads them so, not even where they are meant.
 */
export function hasTypeArguments(source: string, parsed: Parsed): boolean {
  if (!CALL.test(source)) return false;
  let found = false;
  let looks = 0;
  visit(parsed.statements, ({ type, operator, right }) => {
    if (found || type !== "BinaryExpression" || !right || !/^>{1,3}$/.test(operator ?? "")) return !found;
    let end = spaceBefore(source, right.start);
    if (source[end - 1] === "(") end = spaceBefore(source, end - 1); // a parenthesis is no node
    else if (source[right.start] !== "(" && source[right.start] !== "`") return true;
    found = source[end - 1] === ">" && ++looks < MOST && opensBefore(source.slice(Math.max(0, end - MOST), end));
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

/** The offset behind what stands before the white space before `offset`. */
function spaceBefore(source: string, offset: number): number {
  let end = offset;
  while (end > 0 && /\s/.test(source.charAt(end - 1))) end -= 1;
  return end;
}
