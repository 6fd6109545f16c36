import { parse, type Program } from "acorn";
import { stripTypes } from "./compiler.ts";

const MAX_LENGTH = 262_144; // characters; what is longer is not worth the app's time
const FENCE = /^(\s*)```[^\n]*\n([^]*?)\n?```\s*$/;

/** The syntax tree of a program, with places of its text; undefined for what is not understood. */
export async function readProgram(code: string): Promise<Program | undefined> {
  if (code.length > MAX_LENGTH) return undefined;
  const text = unfenced(code);
  const program = parseJavaScript(text);
  if (program) return program;
  const stripped = await stripTypes(text);
  return stripped === undefined ? undefined : parseJavaScript(stripped);
}

/** As the executor reads it; a program that is nested too deeply for this is none. */
function parseJavaScript(text: string): Program | undefined {
  try {
    return parse(text, {
      ecmaVersion: "latest",
      sourceType: "module",
      locations: true,
      allowReturnOutsideFunction: true,
      allowAwaitOutsideFunction: true,
    });
  } catch {
    return undefined;
  }
}

/** The program in a fence, its lines where they were. */
function unfenced(code: string): string {
  const inside = FENCE.exec(code);
  return inside ? `${inside[1]}\n${inside[2]}` : code;
}
