import { readFileSync } from "node:fs";

// Read at the start, because a worker may read nothing later; taken apart when a program needs one.
const bytes = readFileSync(new URL("tables.json", import.meta.url));
let tables: Readonly<Record<string, string>> | undefined;

/** A table of the guest's libraries, as JSON. Empty when there is none of that name; it may be hostile code that asks. */
export function tableText(name: unknown): string {
  if (typeof name !== "string") return "";
  tables ??= JSON.parse(bytes.toString("utf8")) as Readonly<Record<string, string>>;
  return Object.hasOwn(tables, name) ? (tables[name] ?? "") : "";
}
