import { originalPositionFor, TraceMap } from "@jridgewell/trace-mapping";
import { Edits, type Position, positionAt } from "./edits.ts";
import { beginsWithFence, insideFence, insideOuterFence, withoutShebang } from "./fence.ts";
import { partHtmlComments } from "./html-comments.ts";
import { mark } from "./marks.ts";
import { isSyntaxFailure, parse, type Parsed, placeOfNode, ProgramSyntaxError, visit } from "./parse.ts";
import { returns, shape } from "./shape.ts";
import { hasTypeArguments } from "./type-arguments.ts";
import { stripTypes } from "./types.ts";

/** A program as the isolate compiles it: the body of an async function. */
export interface Program {
  /** The body, strict, in a block of its own so that the program may reuse the names in scope. */
  readonly body: string;
  /** Where in the user's source a position of the compiled function lies; undefined outside of it. */
  locate(line: number, column: number): Position | undefined;
  /** Where in the user's source the `await` or `throw` stands that the guest knows by `index`; -1 when by none. */
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
 * expression, declarations with a `main`, `export default`, statements that end in an expression or set `result`; also
 * inside a Markdown fence. JavaScript first; what does not parse is read as TypeScript.
 *
 * @throws {@link ProgramSyntaxError} with the place in the user's source.
 */
export function prepare(code: string): Program {
  const text = withoutShebang(code.replace(/^\uFEFF/, ""));
  const isFenced = beginsWithFence(text);
  try {
    return prepareText((isFenced && insideOuterFence(text)) || text);
  } catch (error) {
    if (!isSyntaxFailure(error)) throw error;
    // Not before: a program may have a fence in a comment or in a template.
    const inside = insideFence(text);
    if (inside === undefined || (isFenced && inside === insideOuterFence(text))) throw error;
    return prepareText(inside);
  }
}

/** A program as JavaScript, and how its positions become the user's. */
interface Reading {
  readonly source: string;
  readonly parsed: Parsed;
  readonly edits: Edits;
  readonly toUser: (position: Position) => Position | undefined;
}

function prepareText(text: string): Program {
  const { source, parsed, edits, toUser } = read(text);
  const inUserTerms = <T>(make: () => T): T => {
    try {
      return make();
    } catch (error) {
      throw isSyntaxFailure(error) ? new ProgramSyntaxError(error.message, toUser(error.position)) : error;
    }
  };
  inUserTerms(() => refuse(source, parsed));
  const shaped = inUserTerms(() => shape(source, parsed, edits));
  const { marks, loop } = mark(source, parsed, edits);
  return {
    body: `"use strict";{\n${edits.applyTo(shaped)}\n}\n//# sourceURL=${PROGRAM}`,
    locate: (line, column) => {
      if (line <= LINES_BEFORE) return undefined;
      return toUser(edits.locate(shaped, { line: line - LINES_BEFORE, column }));
    },
    marked: (index) => {
      const offset = index === -1 ? loop : marks[index];
      return offset === undefined ? undefined : toUser(positionAt(source, offset));
    },
    get returnedAt() {
      const [only, another] = parsed.statements.filter(returns);
      return only?.type === "ReturnStatement" && !another ? toUser(placeOfNode(source, only)) : undefined;
    },
  };
}

function read(text: string): Reading {
  const edits = new Edits();
  let failure: ProgramSyntaxError | undefined;
  try {
    const parsed = parse(text, partHtmlComments(text, edits));
    const reading = { source: text, parsed, edits, toUser: (position: Position) => position };
    if (!hasTypeArguments(text, parsed)) return reading;
    try {
      return readTypeScript(text, undefined);
    } catch (error) {
      if (isSyntaxFailure(error)) return reading;
      throw error;
    }
  } catch (error) {
    if (!isSyntaxFailure(error)) throw error;
    failure = error;
  }
  return readTypeScript(text, failure);
}

function readTypeScript(text: string, asJavaScript: ProgramSyntaxError | undefined): Reading {
  const stripped = stripTypes(text, asJavaScript);
  const map = new TraceMap(stripped.map);
  const toUser = ({ line, column }: Position): Position | undefined => {
    const original = originalPositionFor(map, { line, column: column - 1 });
    return original.line === null ? undefined : { line: original.line, column: original.column + 1 };
  };
  const edits = new Edits();
  const source = stripped.code;
  try {
    return { source, parsed: parse(source, partHtmlComments(source, edits)), edits, toUser };
  } catch (error) {
    if (!isSyntaxFailure(error)) throw error;
    throw new ProgramSyntaxError(error.message, toUser(error.position));
  }
}

/**
 * Refuses what the parser takes and nobody means: `import.meta`, which is of modules alone, as a program is to the parser
 * and not to V8; and a Markdown fence behind prose of one word, which is a label and texts that are called.
 */
function refuse(source: string, parsed: Parsed): void {
  if (!/\bimport\b|```/.test(source)) return;
  visit(parsed.statements, (node) => {
    if (node.type === "MetaProperty" && node.meta?.name === "import") {
      const message = "A program has no modules to import from, and no `import.meta`: call the given tools instead";
      throw new ProgramSyntaxError(message, placeOfNode(source, node));
    }
    if (node.type === "TaggedTemplateExpression" && node.tag?.type === "TemplateLiteral") {
      throw new ProgramSyntaxError("A text is no function: send only the code", placeOfNode(source, node));
    }
    return undefined;
  });
}
