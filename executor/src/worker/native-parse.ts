import { parseSync } from "oxc-parser/src-js/bindings.js";
import { linesOf } from "./edits.ts";
import { count, isTooDeep } from "./nesting.ts";
import type { Node, Parsed } from "./parse.ts";

/** What oxc takes for JavaScript, and V8 does not yet. In JSON, a text of the program cannot look so. */
const AHEAD = ['"type":"Decorator"', '"type":"AccessorProperty"', '"phase":"'];
/** oxc says so of the body of an async function, which a program is; and draws the line in question for each, however long. */
export const RETURNS = /can only be used within a function body/;
const RETURN = /\breturn\b/g;
const MOST_DRAWN = 8_388_608; // characters: some 50 ms

/**
 * Parses a JavaScript program by oxc, which takes a twentieth of the time of a parser that runs without a JIT. Undefined when it is
 * none to oxc, or may be nested too deeply for a parser with no guard of its own: another one is to say what is wrong.
 */
export function parseNatively(source: string): Parsed | undefined {
  if (isTooDeep(source) || drawn(source) > MOST_DRAWN) return undefined;
  const { program, module, errors } = parseSync("program.js", source, {
    lang: "js",
    sourceType: "module",
    preserveParens: false,
    showSemanticErrors: true,
  });
  if (!errors.every(({ message }) => RETURNS.test(message)) || AHEAD.some((text) => program.includes(text))) {
    return undefined;
  }
  let tree: Tree | undefined;
  const read = (): Tree => (tree ??= JSON.parse(program) as Tree);
  if (program.includes('"regex":{') && !literalsOf(read()).every(isLiteral)) return undefined;
  return {
    isBody: errors.length > 0 && !module.hasModuleSyntax,
    get statements() {
      return read().node.body;
    },
  };
}

/** What oxc draws at most, when each `return` is one of the program itself. */
function drawn(source: string): number {
  const returns = count(source, RETURN);
  if (returns * source.length <= MOST_DRAWN) return 0;
  return returns * linesOf(source).reduce((longest, { length }) => Math.max(longest, length), 0);
}

interface Tree {
  readonly node: { readonly body: readonly Node[] };
  /** Where the literals stand that JSON has no values for. */
  readonly fixes: readonly (readonly string[])[];
}

interface Literal {
  readonly regex?: { readonly pattern: string; readonly flags: string };
}

function literalsOf({ node, fixes }: Tree): Literal[] {
  return fixes.map((path) => path.reduce<object>((at, key) => at[key as keyof object], node));
}

/** False for a regular expression that is none to V8: oxc does not look into them. */
function isLiteral({ regex }: Literal): boolean {
  if (!regex) return true;
  try {
    RegExp(regex.pattern, regex.flags);
    return true;
  } catch {
    return false;
  }
}
