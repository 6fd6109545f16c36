import { type Options, parse as parseModule, type Token } from "acorn";
import { type Position, positionAt } from "./edits.ts";
import { parseNatively } from "./native-parse.ts";

/** What of a syntax tree is looked at. */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly name?: string;
  readonly value?: unknown;
  readonly operator?: string;
  readonly computed?: boolean;
  readonly async?: boolean;
  readonly await?: boolean;
  readonly directive?: string;
  readonly argument?: Node | null;
  readonly expression?: Node;
  readonly left?: Node;
  readonly right?: Node;
  readonly object?: Node;
  readonly property?: Node;
  readonly properties?: readonly Node[];
  readonly tag?: Node;
  readonly callee?: Node;
  readonly key?: Node;
  readonly meta?: Node;
  readonly source?: Node | null;
  readonly specifiers?: readonly Node[];
  readonly local?: Node;
  readonly exported?: Node;
  readonly id?: Node | null;
  readonly init?: Node | null;
  readonly declaration?: Node | null;
  readonly declarations?: readonly Node[];
  readonly body?: Node | readonly Node[];
  readonly consequent?: Node | readonly Node[];
  readonly alternate?: Node | null;
  readonly block?: Node;
  readonly handler?: Node | null;
  readonly finalizer?: Node | null;
  readonly cases?: readonly Node[];
}

/** A program that parses. */
export interface Parsed {
  /** Made when it is first asked for: that takes longer than to parse. */
  readonly statements: readonly Node[];
  /** True when it is known without them that the program is a body which returns, of which nothing is imported or exported. */
  readonly isBody: boolean;
}

/** Calls `look` with every node of a tree, outer ones first; what is below a node for which it says false is left out. */
export function visit(nodes: unknown, look: (node: Node) => boolean | undefined): void {
  const open = [nodes];
  for (let node = open.pop() as Node | undefined; node !== undefined; node = open.pop() as Node | undefined) {
    if (node.type !== undefined && look(node) === false) continue;
    const below: unknown[] = [];
    for (const key in node) {
      const value: unknown = node[key as keyof Node]; // a tree has no inherited keys
      if (typeof value === "object" && value !== null) below.push(value);
    }
    while (below.length > 0) open.push(below.pop());
  }
}

/** Where a node stands in the source that was parsed. */
export function placeOfNode(source: string, { start }: Node): Position {
  return positionAt(source, start);
}

/** A program that does not parse. */
export class ProgramSyntaxError extends Error {
  readonly position: Position | undefined;

  constructor(message: string, position: Position | undefined) {
    super(message);
    this.position = position;
  }
}

/**
 * Parses a JavaScript program, in which `await` and `return` may stand at the top.
 *
 * @param onToken - called with the source's tokens, when given
 */
export function parse(source: string, onToken?: (token: Token) => void): Parsed {
  return (onToken ? undefined : parseNatively(source)) ?? parseOrExplain(source, onToken);
}

/** By acorn, whose messages are better. */
function parseOrExplain(source: string, onToken: ((token: Token) => void) | undefined): Parsed {
  const options: Options = {
    ecmaVersion: "latest",
    sourceType: "module",
    allowReturnOutsideFunction: true,
    allowAwaitOutsideFunction: true,
    ...(onToken && { onToken }),
  };
  try {
    return { statements: parseModule(source, options).body as unknown as readonly Node[], isBody: false };
  } catch (error) {
    if (!isAcornError(error)) throw error;
    // Without a place, so that no other parser is tried on it: one in native code would overflow the real stack.
    if (/stack space/.test(error.message)) throw new ProgramSyntaxError("The program is nested too deeply", undefined);
    const isDecorator = /Unexpected character '@'/.test(error.message);
    const message = isDecorator
      ? "Decorators are not supported: call the function that decorates by hand"
      : error.message.replace(/ \(\d+:\d+\)$/, "");
    throw new ProgramSyntaxError(message, { line: error.loc.line, column: error.loc.column + 1 });
  }
}

/** Whether another way to read the program may be tried. */
export function isSyntaxFailure(error: unknown): error is ProgramSyntaxError & { readonly position: Position } {
  return error instanceof ProgramSyntaxError && error.position !== undefined;
}

function isAcornError(error: unknown): error is SyntaxError & { loc: { line: number; column: number } } {
  return error instanceof SyntaxError && "loc" in error;
}
