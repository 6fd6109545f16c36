import type { RunFailure } from "./outcome.ts";

const MAX_LINES = 5;
const NOT_CODE = /\/\*[^]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g;

/**
 * Adds where to look to a failure that came from outside the program, and so has no place: the lines of its loops. Only
 * a help: the program is read as text, never parsed.
 */
export function withLoops(failure: RunFailure, code: string): RunFailure {
  const { type, line, hint } = failure;
  if (line !== undefined || hint !== undefined || (type !== "CpuLimit" && type !== "MemoryLimit")) return failure;
  const lines = code
    .replace(NOT_CODE, (text) => text.replace(/[^\n]/g, " "))
    .split("\n")
    .flatMap((text, index) => (/\b(?:for|while|do)\b\s*[({]/.test(text) ? [index + 1] : []));
  if (lines.length === 0) return failure;
  const shown = lines.slice(0, MAX_LINES).join(", ") + (lines.length > MAX_LINES ? ", …" : "");
  const ends = type === "CpuLimit" ? "does each end?" : "does one collect without end?";
  return { ...failure, hint: `The program has ${lines.length === 1 ? "a loop" : "loops"} at line ${shown}: ${ends}` };
}
