import type { Position } from "./parse.ts";

interface Insertion {
  readonly at: number;
  readonly text: string;
}

/** Texts, each without a line end, that are put into a source. Positions can be asked back. */
export class Edits {
  readonly #insertions: Insertion[] = [];

  /** Puts `text` before the UTF-16 offset `at`. Where two share an offset, the later one stands behind. */
  insert(at: number, text: string): void {
    this.#insertions.push({ at, text });
  }

  applyTo(source: string): string {
    if (this.#insertions.length === 0) return source;
    const parts: string[] = [];
    let from = 0;
    for (const { at, text } of this.#sorted()) {
      parts.push(source.slice(from, at), text);
      from = at;
    }
    parts.push(source.slice(from));
    return parts.join("");
  }

  /** Where in `source` a position of the edited text lies. */
  locate(source: string, { line, column }: Position): Position {
    const starts = [
      0,
      ...Array.from(source.matchAll(/\r\n|[\n\r\u2028\u2029]/g), ({ index, 0: end }) => index + end.length),
    ];
    const start = starts[line - 1] ?? source.length;
    const end = starts[line] ?? source.length + 1;
    let at = column;
    for (const insertion of this.#sorted()) {
      if (insertion.at < start || insertion.at >= end) continue;
      const before = insertion.at - start + 1; // the column that the insertion pushed away
      if (at <= before) break;
      at = Math.max(before, at - insertion.text.length);
    }
    return { line, column: at };
  }

  #sorted(): readonly Insertion[] {
    return this.#insertions.toSorted((a, b) => a.at - b.at);
  }
}

/** The line and column of a UTF-16 offset. */
export function positionAt(source: string, offset: number): Position {
  const lines = source.slice(0, offset).split(/\r\n|[\n\r\u2028\u2029]/);
  return { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 };
}
