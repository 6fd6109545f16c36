import { primordials, setOwn } from "@codemode/proto/values";
import { type Formatted, widthOf } from "./inspect.ts";
import { MAX_LINE } from "./line.ts";

const repeat = Function.prototype.call.bind(String.prototype.repeat) as (text: string, times: number) => string;

export interface Column {
  readonly head: string;
  /** By row; a row that is not there is empty. */
  readonly cells: Record<number, string>;
}

export interface Rows {
  readonly columns: Column[];
  readonly height: number;
}

export function column(head: string): Column {
  return { head, cells: primordials.create(null) as Record<number, string> };
}

export function put(into: Column, row: number, cell: string): void {
  setOwn(into.cells, row, cell);
}

/** The lines of a table, as wide as its widest cells. */
export function draw({ columns, height }: Rows): Formatted {
  const widths: number[] = [];
  for (let at = 0; at < columns.length; at++) {
    const { head, cells } = columns[at] as Column;
    let width = widthOf(head);
    for (let row = 0; row < height; row++) {
      const needed = widthOf(cells[row] ?? "");
      if (needed > width) width = needed;
    }
    setOwn(widths, at, width);
  }
  let text = `${rule(widths, "┌", "┬", "┐")}\n${line(widths, columns)}\n${rule(widths, "├", "┼", "┤")}\n`;
  let row = 0;
  for (; row < height && text.length <= MAX_LINE; row++) text += `${line(widths, columns, row)}\n`;
  const bottom = rule(widths, "└", "┴", "┘");
  // Rows that cannot be seen are counted, not drawn.
  return { text: text + bottom, cut: (height - row) * (bottom.length + 1) };
}

function rule(widths: readonly number[], left: string, middle: string, right: string): string {
  let text = left;
  for (let at = 0; at < widths.length; at++) text += (at > 0 ? middle : "") + repeat("─", (widths[at] as number) + 2);
  return text + right;
}

/** One row of cells, or the heads. */
function line(widths: readonly number[], columns: readonly Column[], row?: number): string {
  let text = "│";
  for (let at = 0; at < columns.length; at++) {
    const { head, cells } = columns[at] as Column;
    const cell = row === undefined ? head : (cells[row] ?? "");
    text += ` ${cell}${repeat(" ", (widths[at] as number) - widthOf(cell))} │`;
  }
  return text;
}
