import type { EncodedSourceMap } from "@jridgewell/trace-mapping";
import { transformSync } from "oxc-transform";
import { positionAt } from "./edits.ts";
import { type Position, ProgramSyntaxError } from "./parse.ts";

// oxc speaks of these as errors of a module, but a program is the body of a function.
const ALLOWED = /can only be used within a function body/;

/**
 * `source` without its types, by oxc: V8 strips none, and Node's own way needs WebAssembly, which --jitless takes away.
 *
 * @throws {@link ProgramSyntaxError} when it is no TypeScript either: of the two errors the one that got further.
 */
export function stripTypes(source: string, asJavaScript: ProgramSyntaxError): { code: string; map: EncodedSourceMap } {
  const { code, map, errors } = transformSync("program.ts", source, {
    lang: "ts",
    sourceType: "module",
    sourcemap: true,
  });
  const error = errors.find(({ message }) => !ALLOWED.test(message));
  if (error) {
    const offset = error.labels[0]?.start;
    const position = offset === undefined ? undefined : positionAt(source, offset);
    if (position && isAfter(position, asJavaScript.position)) throw new ProgramSyntaxError(error.message, position);
    throw asJavaScript;
  }
  if (!map) throw asJavaScript;
  return { code, map: map as EncodedSourceMap };
}

function isAfter(a: Position, b: Position | undefined): boolean {
  return !b || a.line > b.line || (a.line === b.line && a.column > b.column);
}
