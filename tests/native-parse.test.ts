// One parser reads programs, another says what is wrong with those that are none: both have to mean the same language.
import { expect, test } from "vitest";
import { parseNatively } from "../executor/src/worker/native-parse.ts";
import { type Parsed, parse, ProgramSyntaxError, visit } from "../executor/src/worker/parse.ts";
import { returns } from "../executor/src/worker/shape.ts";
import { Dice } from "./chaos/dice.ts";
import { programs } from "./programs.ts";

/** The tree of the parser that explains; undefined where something is wrong. */
function explained(source: string): Parsed | undefined {
  try {
    return parse(source, () => {});
  } catch (error) {
    if (error instanceof ProgramSyntaxError) return undefined;
    throw error;
  }
}

/** All that is looked at of the nodes of a tree. */
function contents({ statements }: Parsed): string[] {
  const nodes: string[] = [];
  visit(statements, ({ type, start, end, name, operator, computed, async, await: awaits, directive }) => {
    if (type === "TemplateElement") return; // with or without what is around it
    nodes.push([type, start, end, name, operator, computed, async, awaits, directive].join(" "));
    return undefined;
  });
  return nodes.toSorted();
}

/** Whether both take `source` for a program; and then they make the same of it. */
function agree(source: string): boolean {
  const ours = parseNatively(source);
  if (!ours) return false; // the other one decides
  const theirs = explained(source);
  if (!theirs) throw new Error(`Only oxc takes it for a program: ${source}`);
  expect({ source, nodes: contents(ours) }).toEqual({ source, nodes: contents(theirs) });
  if (ours.isBody) expect({ source, returns: theirs.statements.some(returns) }).toEqual({ source, returns: true });
  return true;
}

test("programs are the same to both parsers", () => {
  const taken = programs.filter(({ code }) => agree(code));
  expect(taken.length).toBeGreaterThan(0.9 * programs.length);
});

const PIECES = [
  "@x",
  "accessor a",
  "using a = b",
  "import.meta",
  "import x from 'y'",
  "export default",
  "new.target",
  "super",
]
  .concat([
    "arguments",
    "let",
    "enum",
    "0777",
    "08.5",
    "1_0n",
    "/(/",
    "/[/v",
    "?.",
    "**",
    "=>",
    "await",
    "yield",
    "return",
  ])
  .concat([
    "label:",
    "break",
    "continue",
    "with(a)",
    "\u2028",
    "\ud800",
    "\ufeff",
    "'\\07'",
    "static",
    "#a",
    "...",
    "async",
  ])
  .concat([
    "import defer * as a from 'a'",
    "await using a = b",
    "class A {",
    "function f(a, a)",
    "({ a = 1 })",
    "a?.b = 1",
  ])
  .concat([
    "a ?? b || c",
    "-a ** b",
    "try {",
    "catch",
    "'use strict';",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ",",
    ";",
    "\n",
    "`",
    "€",
  ]);

test("so are programs with something put in, taken out or said twice", () => {
  const dice = new Dice("parsers");
  const short = programs.filter(({ code }) => code.length < 600).map(({ code }) => ({ code, cuts: cutsOf(code) }));
  let taken = 0;
  for (let count = 0; count < 20_000; count++) {
    const { code, cuts } = dice.one(short);
    const [from = 0, to = 0] = [dice.one(cuts), dice.one(cuts)].toSorted((a, b) => a - b);
    const piece = dice.one([` ${dice.one(PIECES)} `, "", code.slice(from, to).repeat(2)]);
    if (agree(code.slice(0, from) + piece + code.slice(dice.one([from, to])))) taken += 1;
  }
  expect(taken).toBeGreaterThan(500); // or else nothing much was compared
});

/** Where words and signs begin and end, about. */
function cutsOf(code: string): number[] {
  return [...code.matchAll(/\w+|\s+|[^\w\s]/g)].map(({ index }) => index).concat(code.length);
}
