// Writes the JSON schema that editors use and the table in README.md, both from the client's one zod schema, and the
// executor's table in docs/CONFIGURATION.md. `--check` writes nothing and fails when one of them is stale.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { formatDuration, formatSize } from "@codemode/proto/settings";
import { formatAddress } from "../executor/src/config/address.ts";
import type { Setting } from "../executor/src/config/setting.ts";
import { names, settings, variableOf } from "../executor/src/config/settings.ts";
import { clientConfigSchema, type Key, keys } from "../client/src/config/schema.ts";

const ROOT = join(import.meta.dirname, "..");
const [START, END] = ["<!-- config:start -->", "<!-- config:end -->"];

/** What is filled in from the environment is checked when it is known, not in the editor. */
const REFERENCE = { type: "string", pattern: "\\$\\{.+\\}" };

function jsonSchema(): string {
  const schema = z.toJSONSchema(clientConfigSchema, {
    io: "input",
    target: "draft-7",
    // `executor:` with nothing below it is a section whose keys are all absent.
    override: ({ jsonSchema: node }) => {
      if (node.type === "object" && node.description) Object.assign(node, { type: ["object", "null"] });
    },
  }) as { properties: Record<string, { properties: Record<string, Record<string, unknown>> }> };
  for (const { section, name, fallback } of keys.values()) {
    const names = schema.properties[section]!.properties;
    const { description, default: _, anyOf, ...only } = names[name]!;
    const forms = Array.isArray(anyOf) ? (anyOf as object[]) : [only];
    names[name] = { description, ...(fallback !== undefined && { default: fallback }), anyOf: [...forms, REFERENCE] };
  }
  return `${JSON.stringify({ title: "codemode-client.yaml", ...schema }, undefined, 2)}\n`;
}

function table(): string {
  const rows = [...keys.values()].map((key) => {
    const variable = `\`${key.variable}\`${key.isSecret ? " or `…_FILE`" : ""}`;
    return `| \`${key.path}\` | ${byDefault(key)} | ${key.docs} ${values(key)} | ${variable} |`;
  });
  return ["| Key | Default | What it does | Variable |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

function byDefault({ fallback, name, otherwise }: Key): string {
  if (fallback === undefined) return otherwise ?? "";
  if (name.endsWith("Ms")) return `\`${formatDuration(fallback as number)}\``;
  if (name.endsWith("Bytes")) return `\`${formatSize(fallback as number)}\``;
  return `\`${String(fallback)}\``;
}

function values({ expects }: Key): string {
  return `${expects[0]!.toUpperCase()}${expects.slice(1)}.`;
}

function executorTable(): string {
  const rows = names.map((name) => {
    const setting: Setting = settings[name];
    const expects = `${setting.expects[0]!.toUpperCase()}${setting.expects.slice(1)}.`;
    return `| \`${name}\` | ${fallbackOf(name, setting)} | ${setting.docs} ${expects} | \`${variableOf(name)}\` |`;
  });
  return ["| Key | Default | What it does | Variable |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

function fallbackOf(name: string, { fallback, otherwise }: Setting): string {
  if (otherwise !== undefined) return otherwise;
  if (typeof fallback === "object") return `\`${formatAddress(fallback)}\``;
  const isDuration = typeof fallback === "number" && name.endsWith("Ms");
  return `\`${isDuration ? formatDuration(fallback) : String(fallback)}\``;
}

/** The text of `file` with `table` between the marks. */
function withTable(file: string, table: string): { readonly file: string; readonly text: string } {
  const text = readFileSync(file, "utf8");
  const [from, to] = [text.indexOf(START), text.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`${file} lacks ${START} … ${END}`);
  return { file, text: `${text.slice(0, from + START.length)}\n\n${table}\n\n${text.slice(to)}` };
}

const outputs = [
  { file: join(ROOT, "client/codemode-client.schema.json"), text: jsonSchema() },
  withTable(join(ROOT, "README.md"), table()),
  withTable(join(ROOT, "docs/CONFIGURATION.md"), executorTable()),
];
for (const { file, text } of outputs) {
  if (!process.argv.includes("--check")) writeFileSync(file, text);
  else if (readOrNothing(file) !== text) {
    console.error(`${file} is stale; run: node scripts/config-docs.ts`);
    process.exitCode = 1;
  }
}

function readOrNothing(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
