import { asTable } from "@codemode/proto/settings";
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
