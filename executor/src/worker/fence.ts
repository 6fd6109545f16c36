import { ProgramSyntaxError } from "./parse.ts";

interface Block {
  /** Indices of lines: of the first behind the fence, and of the one that closes it. */
  readonly from: number;
  readonly to: number;
}

const OPENING = /^[ \t]*(`{3,}|~{3,})[^`]*$/;

/** Whether a text begins with a Markdown fence: then it is no program as it stands. */
export function beginsWithFence(code: string): boolean {
  return /^\s*(?:`{3,}[^`\n]*|~{3,}[^\n]*)\r?\n/.test(code);
}

/**
 * The code of the one Markdown fence in `code`, whatever stands around it, with every line at its number; undefined when
 * there is no fence. A fence that is not closed reaches to the end.
 *
 * @throws {@link ProgramSyntaxError} at the second of several fences.
 */
export function insideFence(code: string): string | undefined {
  const lines = code.split("\n");
  const [block, another] = blocksOf(lines);
  if (!block) return undefined;
  if (another) {
    const message = "There is more than one block of code here: send only the code, as one program";
    throw new ProgramSyntaxError(message, { line: another.from, column: 1 });
  }
  return take(lines, block);
}

/** The code between the first fence and the last, where nothing stands around them: others may lie in a comment of it. */
export function insideOuterFence(code: string): string | undefined {
  const lines = code.trimEnd().split("\n");
  const from = lines.findIndex((line) => OPENING.test(line)) + 1;
  const isClosed = /^[ \t]*(?:`{3,}|~{3,})\s*$/.test(lines.at(-1) ?? "") && from < lines.length;
  return isClosed ? take(lines, { from, to: lines.length - 1 }) : undefined;
}

function blocksOf(lines: readonly string[]): Block[] {
  const blocks: Block[] = [];
  let fence: string | undefined;
  let from = 0;
  for (const [index, line] of lines.entries()) {
    const mark = OPENING.exec(line.trimEnd())?.[1];
    if (mark === undefined) continue;
    if (fence === undefined) {
      fence = mark;
      from = index + 1;
    } else if (line.trim() === mark && mark.startsWith(fence)) {
      blocks.push({ from, to: index });
      fence = undefined;
    }
  }
  if (fence !== undefined) blocks.push({ from, to: lines.length });
  return blocks;
}

function take(lines: readonly string[], { from, to }: Block): string {
  return "\n".repeat(from) + withoutShebang(lines.slice(from, to).join("\n"));
}

/** A shebang as a comment, which has its length. */
export function withoutShebang(code: string): string {
  return code.startsWith("#!") ? `//${code.slice(2)}` : code;
}
