import { type ExplainedKey, explainClientConfig, loadClientConfig } from "../config/index.ts";
import { note, print } from "./print.ts";

export interface ConfigOptions {
  readonly config?: string;
  readonly json?: boolean;
}

/** `codemode config`: every key with its effective value and where that came from. */
export async function config(options: ConfigOptions): Promise<number> {
  const { keys, warnings } = explain(options.config);
  if (options.json) {
    const document = { keys: keys.map((key) => ({ ...key, value: key.value ?? null })), warnings };
    await print(`${JSON.stringify(document, undefined, 2)}\n`);
  } else {
    for (const warning of warnings) note(`warning: ${warning}`);
    await print(`${asTable(keys).join("\n")}\n`);
  }
  return 0;
}

export function explain(configPath: string | undefined): {
  keys: readonly ExplainedKey[];
  warnings: readonly string[];
} {
  return { keys: explainClientConfig({ configPath }), warnings: loadClientConfig({ configPath }).warnings };
}

/** One line for each key, in columns. */
export function asTable(keys: readonly ExplainedKey[]): string[] {
  const rows = keys.map(
    ({ path, value, source }) => [path, value === undefined ? "-" : String(value), source] as const,
  );
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column as 0 | 1].length)));
  return rows.map(([path, value, source]) => `${path.padEnd(widths[0]!)}  ${value.padEnd(widths[1]!)}  ${source}`);
}
