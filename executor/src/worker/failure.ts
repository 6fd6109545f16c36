import type { Catalog } from "./catalog.ts";
import { RunError, RunErrorType } from "@codemode/proto/messages";
import { linesOf } from "./edits.ts";
import type { Position } from "./edits.ts";
import { PROGRAM, type Program } from "./program.ts";

const FRAME = /^\s+at (?:(.*) \()?(?:.*, )?([^\s()]+):(\d+):(\d+)\)?$/;
const MAX_LINE = 160; // characters of a source line in an excerpt

/** The stack that V8 wrote, in the user's own lines: frames of the harness are left out. */
export function readStack(stack: string, program: Program, fileName: string): { stack: string; position?: Position } {
  const frames: string[] = [];
  let position: Position | undefined;
  for (const line of stack.split("\n")) {
    const [, name, file, atLine, atColumn] = FRAME.exec(line) ?? [];
    if (file !== PROGRAM) continue;
    const at = program.locate(Number(atLine), Number(atColumn));
    if (!at) continue;
    position ??= at;
    // V8 calls the program itself `eval`.
    const place = `${fileName}:${at.line}:${at.column}`;
    const own = name === undefined || /^(async )?(eval|anonymous)$/.test(name);
    const frame = own ? `    at ${place}` : `    at ${name} (${place})`;
    if (frame !== frames.at(-1)) frames.push(frame); // of a recursion once
  }
  return position ? { stack: frames.join("\n"), position } : { stack: "" };
}

/** A place in a program, as a RunError tells it. */
export function placeOf(source: string, position: Position): Pick<RunError, "line" | "column" | "frame"> {
  return { ...position, frame: excerpt(source, position) };
}

/** The line at `position` with its neighbours and a mark under the column. */
function excerpt(source: string, { line, column }: Position): string {
  const lines = linesOf(source);
  const first = Math.max(1, line - 1);
  const last = Math.min(lines.length, line + 1);
  const width = String(last).length;
  const rows: string[] = [];
  for (let number = first; number <= last; number++) {
    const text = (lines[number - 1] ?? "").replaceAll("\t", " ");
    const from = number === line ? Math.max(0, column - MAX_LINE) : 0;
    rows.push(
      `${number === line ? ">" : " "} ${String(number).padStart(width)} | ${text.slice(from, from + MAX_LINE)}`,
    );
    if (number === line) rows.push(`  ${" ".repeat(width)} | ${" ".repeat(Math.max(0, column - 1 - from))}^`);
  }
  return rows.join("\n");
}

const instead: readonly (readonly [pattern: RegExp, hint: string])[] = [
  [
    /^(require|module|exports|__dirname|__filename) is not defined$/,
    "There are no modules in the sandbox: call the given tools instead",
  ],
  [/^Not supported$/, "There are no modules in the sandbox: call the given tools instead"],
  [
    /^(process|Buffer|global|window|document|Deno|Bun) is not defined$/,
    "The program runs in a sandbox without Node.js or a browser: use plain JavaScript and the given tools",
  ],
  [
    /^(fetch|XMLHttpRequest|WebSocket|axios|http|https) is not defined$/,
    "The sandbox has no network: use a tool for it",
  ],
  [/^(WebAssembly|SharedArrayBuffer|Atomics) is not defined$/, "The sandbox does not have it: use plain JavaScript"],
  [/^setImmediate is not defined$/, "Use setTimeout(f, 0), or `await null`"],
  [/^performance is not defined$/, "The sandbox has no fine clock: use Date.now(), which moves when the run awaits"],
  [
    /^(localStorage|sessionStorage|indexedDB) is not defined$/,
    "Nothing is kept from one run to the next: use a variable, or a tool that stores",
  ],
  [/^fs is not defined$/, "The sandbox has no files: use a tool for it"],
  [/^(\S+) is not defined$/, "No such name: declare it, or look for a slip of the pen"],
  [/used without `await`$/, "Put `await` before the call, in parentheses: (await tools.x(…)).y"],
  [/ is not (?:async )?iterable(?: |$)/, "It is no array: print it first; is `await` missing before a call?"],
  [
    /^.+ is not a function(?: |;|$)/,
    "Print the value before the call to see what it is; is `await` missing, or the name misspelt?",
  ],
  [
    /^Cannot (?:read|set) properties of (?:undefined|null)/,
    "What stands before the property is missing: print it, and check with `?.`; is `await` missing before a call?",
  ],
  [/^Cannot destructure property/, "What is taken apart is missing: print it first; is `await` missing before a call?"],
  [
    / is not valid JSON(?:;|$)|^Unexpected end of JSON input| in JSON at position \d+/,
    "The text is no JSON, or is a value already: print its beginning before JSON.parse",
  ],
  [/^Assignment to constant variable/, "Declare it with `let`"],
  [/^Cannot access '.*' before initialization/, "Move its declaration above its first use"],
  [/^Maximum call stack size exceeded/, "A function calls itself without end: see to its base case, or use a loop"],
  [/^Invalid (?:array|string) length|^Array buffer allocation failed/, "Build less at a time"],
  [
    /^Cannot (?:add property|assign to read only property|delete property|define property)/,
    "It is frozen: copy it first, such as { ...context }",
  ],
  [/^Cannot mix BigInt/, "Convert with Number() or BigInt() first"],
  [/^Invalid time value/, "The text is no date: print it before new Date()"],
  [/^Invalid regular expression/, "Escape what has a meaning in a pattern"],
];

/** Of values that cannot leave the program. */
const inValues: typeof instead = [
  [/is a promise; is `await` missing/, "Put `await` before the call"],
  [/\bstream of \S+/, "Read it: for await (const item of …) { … }"],
  [/ is a function$/, "Leave it out, or return what it returns"],
];

/** Messages of a parser, and what is wrong most often. */
const inSyntax: readonly (readonly [pattern: RegExp, hint: string])[] = [
  [/no modules to import from/, "Take the import or export away: the tools are there without it"],
  [/^There is more than one block/, "Send only the code: no prose, no second block"],
  [/^JSX/, "Return the data itself, or a text that is made of it"],
  [/nested too deeply$/, "Write it in steps, each with a name, or build it in a loop"],
  [/^Decorators/, "Write it without the decorator"],
  [/has already been declared/, "Choose another name, or assign to the one there is"],
  [/Unterminated string|Unterminated template/, "Close the text, or use a template in backticks for several lines"],
  [/await/, "`await` stands in async functions alone: write `async` before the function around it"],
  [
    /Unexpected token \(.*|Unexpected token/,
    "Look at the mark: a bracket, a comma or an operator is missing or one too many",
  ],
];

/** What to do about a program that does not parse, where that is known. */
export function hintForSyntax(message: string): string {
  return inSyntax.find(([pattern]) => pattern.test(message))?.[1] ?? "";
}

/** V8's own errors: what a program throws itself, or a tool, may have the words of any of them by chance. */
const NATIVE = /^(?:Reference|Type|Syntax|Range)Error$/;

/** What to do about an error, where that is known. */
export function hintFor(
  { type, name, message, frame }: Pick<RunError, "type" | "name" | "message" | "frame">,
  catalog: Catalog,
): string {
  const hintIn = (rows: typeof instead): string => rows.find(([pattern]) => pattern.test(message))?.[1] ?? "";
  if (type === RunErrorType.RUN_ERROR_TYPE_UNSERIALIZABLE) return hintIn(inValues);
  const isOwn = type === RunErrorType.RUN_ERROR_TYPE_RUNTIME_ERROR || type === RunErrorType.RUN_ERROR_TYPE_MEMORY_LIMIT;
  const isImport = message === "Not supported" && /\bimport\s*\(/.test(frame); // of isolated-vm, an error like any other
  if (!isOwn || !(NATIVE.test(name) || isImport)) return "";
  const missing = /^(\S+) is not defined$/.exec(message)?.[1];
  if (missing !== undefined) {
    if (catalog.has("agent", missing)) return `Agents are called by their group: agents.${missing}.run(…)`;
  }
  return hintIn(instead);
}

/** An error of which only type and message are known; the rest is as proto3 has it. */
export function runError(type: RunErrorType, message: string): RunError {
  return { ...RunError.decode(new Uint8Array()), type, message };
}
