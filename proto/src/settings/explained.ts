/** One setting, its effective value and where that came from. */
export interface Explained {
  readonly path: string;
  /** `"***"` for a secret; undefined when it is not set. */
  readonly value: string | number | boolean | undefined;
  readonly source: string;
}

/** One line for each setting, in columns. */
export function asTable(settings: readonly Explained[]): string[] {
  const rows = settings.map(
    ({ path, value, source }) => [path, value === undefined ? "-" : String(value), source] as const,
  );
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column as 0 | 1].length)));
  return rows.map(([path, value, source]) => `${path.padEnd(widths[0]!)}  ${value.padEnd(widths[1]!)}  ${source}`);
}
