import { parse as parseModule } from "acorn";

/** A place in the user's source, both from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** What of a syntax tree is looked at. */
export interface Statement {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly loc: { readonly start: { readonly line: number; readonly column: number } };
  readonly argument?: Statement | null;
  readonly source?: Statement | null;
  readonly specifiers?: readonly unknown[];
  readonly directive?: string;
  readonly id?: { readonly name: string } | null;
  readonly declaration?: Statement | null;
  readonly declarations?: readonly { readonly id: { readonly name?: string } }[];
  readonly body?: Statement | readonly Statement[];
  readonly consequent?: Statement | readonly Statement[];
  readonly alternate?: Statement | null;
  readonly block?: Statement;
  readonly handler?: Statement | null;
  readonly finalizer?: Statement | null;
  readonly cases?: readonly Statement[];
}

/** A program that does not parse. */
export class ProgramSyntaxError extends Error {
  readonly position: Position | undefined;

  constructor(message: string, position: Position | undefined) {
    super(message);
    this.position = position;
  }
}

/** The statements of a JavaScript program, in which `await` and `return` may stand at the top. */
export function parse(source: string): Statement[] {
  const options = {
    ecmaVersion: "latest",
    sourceType: "module",
    locations: true,
    allowReturnOutsideFunction: true,
    allowAwaitOutsideFunction: true,
  } as const;
  try {
    return parseModule(source, options).body as unknown as Statement[];
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
export function isSyntaxFailure(error: unknown): error is ProgramSyntaxError {
  return error instanceof ProgramSyntaxError && error.position !== undefined;
}

function isAcornError(error: unknown): error is SyntaxError & { loc: { line: number; column: number } } {
  return error instanceof SyntaxError && "loc" in error;
}
