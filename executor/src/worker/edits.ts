/** A place in a source, both from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

interface Insertion {
  readonly at: number;
  readonly text: string;
}

/** Texts, each without a line end, that are put into a source. Positions can be asked back. */
export class Edits {
  readonly #insertions: Insertion[] = [];
  /** The insertions in their order, made once: a log of stacks asks for thousands of positions. */
  #sorted: readonly Insertion[] | undefined;
  #lines: { readonly source: string; readonly starts: readonly number[] } | undefined;

  /** Puts `text` before the UTF-16 offset `at`. Where two share an offset, the later one stands behind. */
  insert(at: number, text: string): void {
    this.#insertions.push({ at, text });
    this.#sorted = undefined;
  }

  applyTo(source: string): string {
    if (this.#insertions.length === 0) return source;
    const parts: string[] = [];
    let from = 0;
    for (const { at, text } of this.#inOrder()) {
      parts.push(source.slice(from, at), text);
      from = at;
    }
    parts.push(source.slice(from));
    return parts.join("");
  }

  /** Where in `source` a position of the edited text lies. */
  locate(source: string, { line, column }: Position): Position {
    const starts = this.#startsOf(source);
    const start = starts[line - 1] ?? source.length;
    const end = starts[line] ?? source.length + 1;
    const insertions = this.#inOrder();
    let at = column;
    for (let index = firstFrom(insertions, start); index < insertions.length; index++) {
      const insertion = insertions[index] as Insertion;
      const before = insertion.at - start + 1; // the column that the insertion pushed away
      if (insertion.at >= end || at <= before) break;
      at = Math.max(before, at - insertion.text.length);
    }
    return { line, column: at };
  }

  #inOrder(): readonly Insertion[] {
    return (this.#sorted ??= this.#insertions.toSorted((a, b) => a.at - b.at));
  }

  #startsOf(source: string): readonly number[] {
    if (this.#lines?.source !== source) this.#lines = { source, starts: lineStarts(source) };
    return this.#lines.starts;
  }
}

/** The index of the first insertion that stands at `offset` or behind it. */
function firstFrom(insertions: readonly Insertion[], offset: number): number {
  let low = 0;
  let high = insertions.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((insertions[middle] as Insertion).at < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

const LINE_END = /\r\n|[\n\r\u2028\u2029]/g;

function lineStarts(source: string): number[] {
  const starts = [0];
  for (const { index, 0: end } of source.matchAll(LINE_END)) starts.push(index + end.length);
  return starts;
}

/** The lines of a source, without their ends. */
export function linesOf(source: string): string[] {
  return source.split(LINE_END);
}

/** The line and column of a UTF-16 offset. */
export function positionAt(source: string, offset: number): Position {
  const lines = linesOf(source.slice(0, offset));
  return { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 };
}

/** `source` with blanks for what stands between two offsets; its lines stay. */
export function blank(source: string, start: number, end: number, by = ""): string {
  const filler = source.slice(start + by.length, end).replace(/[^\r\n\u2028\u2029]/g, " ");
  return `${source.slice(0, start)}${by}${filler}${source.slice(end)}`;
}
