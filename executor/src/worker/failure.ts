import type { Component, Manifest, RunError, RunErrorType } from "@codemode/proto/messages";
import type { Position } from "./parse.ts";
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
    frames.push(own ? `    at ${place}` : `    at ${name} (${place})`);
  }
  return position ? { stack: frames.join("\n"), position } : { stack: "" };
}

/** A place in a program, as a RunError tells it. */
export function placeOf(source: string, position: Position): Pick<RunError, "line" | "column" | "frame"> {
  return { ...position, frame: excerpt(source, position) };
}

/** The line at `position` with its neighbours and a mark under the column. */
function excerpt(source: string, { line, column }: Position): string {
  const lines = source.split(/\r\n|[\n\r\u2028\u2029]/);
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
    "There are no modules: call the given tools instead",
  ],
  [
    /^(process|Buffer|global|window|document) is not defined$/,
    "The program runs in a sandbox without Node.js or a browser: use plain JavaScript and the given tools",
  ],
  [/^(fetch|XMLHttpRequest|WebSocket) is not defined$/, "The sandbox has no network: use a tool for it"],
  [/^(\w+) is not a function or its return value is not (async )?iterable/, "Is `await` missing before a tool call?"],
  [/^Cannot read properties of undefined/, "Is `await` missing before a tool call?"],
];

/** What to do about an error, where that is known. */
export function hintFor(message: string, manifest: Manifest | undefined): string {
  const missing = /^(\S+) is not defined$/.exec(message)?.[1];
  if (missing !== undefined) {
    const names = (list: readonly Component[] = []): string[] => list.map(({ name }) => name);
    if (names(manifest?.tools).includes(missing)) return `Tools are called by their group: tools.${missing}(…)`;
    if (names(manifest?.agents).includes(missing)) return `Agents are called by their group: agents.${missing}.run(…)`;
  }
  return instead.find(([pattern]) => pattern.test(message))?.[1] ?? "";
}

/** An error of which only type and message are known. */
export function runError(type: RunErrorType, message: string): RunError {
  return {
    type,
    message,
    name: "",
    frame: "",
    stack: "",
    hint: "",
    component: "",
    code: "",
    retryable: false,
    signature: "",
  };
}
