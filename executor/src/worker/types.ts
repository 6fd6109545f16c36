import type { EncodedSourceMap } from "@jridgewell/trace-mapping";
import { type TransformOptions, transformSync } from "oxc-transform";
import { type Position, positionAt } from "./edits.ts";
import { RETURNS } from "./native-parse.ts";
import { isTooDeep } from "./nesting.ts";
import { ProgramSyntaxError } from "./parse.ts";

const ELEMENT = /<(?:>|[A-Za-z][\w.]*[\s/>])/;

/**
 * `source` without its types, by oxc: V8 strips none, and Node's own way needs WebAssembly, which --jitless takes away.
 *
 * @throws {@link ProgramSyntaxError} when it is no TypeScript either: of the two errors the one that got further.
 */
export function stripTypes(
  source: string,
  asJavaScript: ProgramSyntaxError | undefined,
): { code: string; map: EncodedSourceMap } {
  if (isTooDeep(source)) throw new ProgramSyntaxError("The program is nested too deeply", undefined);
  const { code, map, errors } = transform(source, "ts");
  const error = errors.find(({ message }) => !RETURNS.test(message));
  if (!error && map) return { code, map: map as EncodedSourceMap };
  const offset = error?.labels[0]?.start;
  const position = offset === undefined ? undefined : positionAt(source, offset);
  const isFurther = position !== undefined && isAfter(position, asJavaScript?.position);
  if (asJavaScript && ELEMENT.test(source) && isJsx(source)) {
    const message = "JSX is not supported: return plain values instead of elements";
    throw new ProgramSyntaxError(message, isFurther ? position : asJavaScript.position);
  }
  if (error && isFurther) throw new ProgramSyntaxError(error.message, position);
  throw asJavaScript ?? new ProgramSyntaxError(error?.message ?? "", { line: 1, column: 1 });
}

function isJsx(source: string): boolean {
  return transform(source, "tsx").errors.every(({ message }) => RETURNS.test(message));
}

function transform(source: string, lang: "ts" | "tsx"): ReturnType<typeof transformSync> {
  const options: TransformOptions = { lang, sourceType: "module", sourcemap: true };
  return transformSync(`program.${lang}`, source, options);
}

function isAfter(a: Position, b: Position | undefined): boolean {
  return !b || a.line > b.line || (a.line === b.line && a.column > b.column);
}
