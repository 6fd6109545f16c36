import { originalPositionFor, TraceMap } from "@jridgewell/trace-mapping";
import { Edits, positionAt } from "./edits.ts";
import { isSyntaxFailure, parse, type Position, ProgramSyntaxError, type Statement } from "./parse.ts";
import { stripTypes } from "./types.ts";

/** A program as the isolate compiles it: the body of an async function. */
export interface Program {
  /** The body, strict, in a block of its own so that the program may reuse the names in scope. */
  readonly body: string;
  /** Where in the user's source a position of the compiled function lies; undefined outside of it. */
  locate(line: number, column: number): Position | undefined;
  /** Where in the user's source the `await` or `throw` stands that the guest knows by `index`. */
  marked(index: number): Position | undefined;
  /** Where in the user's source the one `return` of the program stands; undefined when there is none, or more. */
  readonly returnedAt: Position | undefined;
}

/** What a program is called inside: a name that a stack can be read by, whatever the user calls the file. */
export const PROGRAM = "codemode:program";

/** Lines before the program: two that `AsyncFunction` writes, one of ours. */
const LINES_BEFORE = 3;

/**
 * Makes one async function body of any form in which a model writes a program: a body with `return`, a function
 * expression, declarations with a `main`, `export default`, statements that end in an expression or set `result`.
 * JavaScript first; what does not parse is read as TypeScript.
 *
 * @throws {@link ProgramSyntaxError} with the place in the user's source.
 */
export function prepare(code: string): Program {
  const text = unwrap(code);
  let statements: Statement[];
  let source = text;
  let map: TraceMap | undefined;
  try {
    statements = parse(text);
  } catch (error) {
    if (!isSyntaxFailure(error)) throw error;
    const stripped = stripTypes(text, error);
    map = new TraceMap(stripped.map);
    source = stripped.code;
    statements = parse(source);
  }
  const edits = new Edits();
  const shaped = shape(source, statements, edits);
  const toUser = ({ line, column }: Position): Position | undefined => {
    if (!map) return { line, column };
    const original = originalPositionFor(map, { line, column: column - 1 });
    return original.line === null ? undefined : { line: original.line, column: original.column + 1 };
  };
  const marks = needsMarks.test(source) ? mark(statements, edits) : [];
  return {
    body: `"use strict";{\n${edits.applyTo(shaped)}\n}\n//# sourceURL=${PROGRAM}`,
    locate: (line, column) => {
      if (line <= LINES_BEFORE) return undefined;
      return toUser(edits.locate(shaped, { line: line - LINES_BEFORE, column }));
    },
    marked: (index) => {
      const offset = marks[index];
      return offset === undefined ? undefined : toUser(positionAt(source, offset));
    },
    get returnedAt() {
      const [only, another] = statements.filter(returns);
      if (only?.type !== "ReturnStatement" || another) return undefined;
      return toUser({ line: only.loc.start.line, column: only.loc.start.column + 1 });
    },
  };
}

/** Only such programs can wait for ever, because every call is settled by somebody, or throw what has no stack. */
const needsMarks = /\bPromise\b|\bthen\b|\bthrow\b(?!\s+new\b)/;

/**
 * Lets the guest know where the program stands: `await x` becomes `await $codemodeAwait(<index>, x)`, and `throw x`
 * likewise. Returns the offset of each.
 */
function mark(statements: readonly Statement[], edits: Edits): number[] {
  const offsets: number[] = [];
  visit(statements, ({ type, start, end, argument }) => {
    if (type === "AwaitExpression") {
      edits.insert(start + "await".length, ` $codemodeAwait(${offsets.length},`);
      edits.insert(end, ")");
    } else if (type === "ThrowStatement" && argument && argument.type !== "NewExpression") {
      edits.insert(argument.start, `$codemodeThrow(${offsets.length},`);
      edits.insert(argument.end, ")");
    } else return;
    offsets.push(start);
  });
  return offsets;
}

/** Calls `look` with every node of a tree, outer ones first. */
function visit(nodes: unknown, look: (node: Statement) => void): void {
  const open: unknown[] = [nodes];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (typeof node !== "object" || node === null) continue;
    if ("type" in node && "start" in node) look(node as Statement);
    for (const [key, value] of Object.entries(node).toReversed()) if (key !== "loc") open.push(value);
  }
}

const FENCE = /^\s*```[ \t]*(?:js|javascript|mjs|jsx|ts|typescript|mts|tsx)?[ \t]*\r?\n([\s\S]*?)\r?\n?[ \t]*```\s*$/i;

/** Takes away one outer Markdown fence, a byte order mark and a shebang; every line keeps its number. */
function unwrap(code: string): string {
  let text = code.startsWith("\uFEFF") ? code.slice(1) : code;
  const fence = FENCE.exec(text);
  if (fence?.[1] !== undefined) {
    const before = text.slice(0, text.indexOf("\n", text.indexOf("```")));
    text = "\n".repeat(before.split("\n").length) + fence[1];
  }
  return text.startsWith("#!") ? `//${text.slice(2)}` : text;
}

/** Lets the program return its value. What moves anything goes through `edits`. */
function shape(source: string, statements: readonly Statement[], edits: Edits): string {
  const exported = blankExports(source, statements);
  if (exported.hasDefault) return `${exported.source}\nreturn $value;`;
  const text = exported.source;
  if (statements.some(returns)) return text;
  const last = statements.findLast(({ type }) => type !== "EmptyStatement");
  if (last?.type === "ExpressionStatement" && last.directive === undefined) {
    edits.insert(last.start, "return "); // not of its expression, which begins behind a parenthesis
    return text;
  }
  const functions = statements
    .map((statement) => (statement.type === "ExportNamedDeclaration" && statement.declaration) || statement)
    .filter(({ type }) => type === "FunctionDeclaration")
    .map(({ id }) => id?.name ?? "");
  const only = functions.length === 1 && statements.length === 1 ? functions[0] : undefined;
  const main = functions.includes("main") ? "main" : only;
  // `result` is the program's own, or else a parameter of the function around it, which it may have set.
  const tail = main !== undefined && !declares(statements, "result") ? `return ${main};` : "return result;";
  return `${text}\n${tail}`;
}

/** Replaces `export` by blanks and `export default` by text of the same length. */
function blankExports(source: string, statements: readonly Statement[]): { source: string; hasDefault: boolean } {
  let text = source;
  let hasDefault = false;
  for (const statement of statements) {
    const { start, type } = statement;
    const isEmpty = type === "ExportNamedDeclaration" && !statement.declaration && !statement.source;
    if (isEmpty && statement.specifiers?.length === 0) {
      const { end } = statement; // what is left of a file that had types alone to export or import
      text = `${text.slice(0, start)}${text.slice(start, end).replace(/[^\r\n]/g, " ")}${text.slice(end)}`;
    } else if (type === "ExportNamedDeclaration" && statement.declaration) {
      text = `${text.slice(0, start)}${" ".repeat(6)}${text.slice(start + 6)}`;
    } else if (type === "ExportDefaultDeclaration") {
      hasDefault = true;
      const value = statement.declaration?.start ?? start;
      const name = "const $value =";
      const filler = text
        .slice(start, value)
        .slice(name.length)
        .replace(/[^\r\n]/g, " ");
      text = `${text.slice(0, start)}${name}${filler}${text.slice(value)}`;
    } else if (type === "ImportDeclaration" || type.startsWith("Export")) {
      const { line, column } = statement.loc.start;
      const message = "A program has no modules to import from or export to: call the given tools instead";
      throw new ProgramSyntaxError(message, { line, column: column + 1 });
    }
  }
  return { source: text, hasDefault };
}

/** Whether a statement holds a `return` of the program itself, not of a function in it. */
function returns(statement: Statement): boolean {
  if (statement.type === "ReturnStatement") return true;
  if (/Function|Class|Expression/.test(statement.type)) return false;
  for (const key of ["body", "consequent", "alternate", "block", "handler", "finalizer", "cases"] as const) {
    const below = statement[key] ?? [];
    if ([below].flat().some(returns)) return true;
  }
  return false;
}

function declares(statements: readonly Statement[], name: string): boolean {
  return statements.some(({ type, declarations, id }) =>
    type === "VariableDeclaration"
      ? declarations?.some((declaration) => declaration.id.name === name)
      : id?.name === name,
  );
}
