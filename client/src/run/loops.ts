import type { RunFailure } from "./outcome.ts";

const MAX_LINES = 5;
const MAX_CODE = 262_144; // characters that are looked at

/**
 * Adds where to look to a failure that came from outside the program, and so has no place: the lines of its loops. Only
 * a help: the program is read once from left to right, never parsed.
 */
export function withLoops(failure: RunFailure, code: string): RunFailure {
  const { type, line, hint } = failure;
  if (line !== undefined || hint !== undefined || (type !== "CpuLimit" && type !== "MemoryLimit")) return failure;
  const lines = linesOfLoops(code.slice(0, MAX_CODE));
  if (lines.length === 0) return failure;
  const shown = lines.slice(0, MAX_LINES).join(", ") + (lines.length > MAX_LINES ? ", …" : "");
  const ends = type === "CpuLimit" ? "does each end?" : "does one collect without end?";
  return { ...failure, hint: `The program has ${lines.length === 1 ? "a loop" : "loops"} at line ${shown}: ${ends}` };
}

/** In linear time, whatever the program is: it is hostile until proven otherwise. */
function linesOfLoops(code: string): number[] {
  const lines = new Set<number>();
  let line = 1;
  for (let at = 0; at < code.length; at++) {
    const char = code[at];
    if (char === "\n") line += 1;
    else if (char === '"' || char === "'" || char === "/") at = endOfText(code, at);
    else if (isLetter(char) && !isLetter(code[at - 1])) {
      let end = at;
      while (isLetter(code[end])) end += 1;
      if (["for", "while", "do"].includes(code.slice(at, end))) lines.add(line);
      at = end - 1;
    }
  }
  return [...lines];
}

/** The last character of a text of one line, or of a comment, that begins here; `at` itself when none does. */
function endOfText(code: string, at: number): number {
  const open = code[at];
  if (open === "/") {
    if (code[at + 1] !== "/") return at; // a block of comment is rare in front of a loop, and may as well be looked into
    const end = code.indexOf("\n", at);
    return end === -1 ? code.length : end - 1;
  }
  let end = at + 1;
  for (; end < code.length && code[end] !== "\n"; end++) {
    if (code[end] === "\\" && code[end + 1] !== "\n") end += 1;
    else if (code[end] === open) return end;
  }
  return end - 1; // not closed: nothing is looked at twice
}

function isLetter(char: string | undefined): boolean {
  return char !== undefined && /[\w$]/.test(char);
}
