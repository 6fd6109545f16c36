import type { Component } from "../registry/index.ts";
import { estimateTokens } from "./tokens.ts";

/**
 * Names by namespace, in comments, for when there is no room for signatures: all of them, else as many of each namespace
 * as there is room for with their number, else the namespaces with their numbers. Empty when not even that fits.
 */
export function namesOf(components: readonly Component[], budgetTokens: number): string {
  const spaces = new Map<string, string[]>();
  for (const { kind, name } of components) {
    const dot = name.lastIndexOf(".");
    const space = dot === -1 ? `${kind}s` : `${kind}s.${name.slice(0, dot)}`;
    const names = spaces.get(space) ?? [];
    names.push(name.slice(dot + 1));
    spaces.set(space, names);
  }
  for (const most of [Infinity, 40, 15, 5, 0]) {
    const text = [...spaces].map(([space, names]) => line(space, names, most)).join("\n");
    if (estimateTokens(text) <= budgetTokens) return text;
  }
  const outer = new Map<string, number>();
  for (const [space, names] of spaces) {
    const first = space.split(".").slice(0, 2).join(".");
    outer.set(first, (outer.get(first) ?? 0) + names.length);
  }
  return cut(
    [...outer].map(([space, count]) => `// ${space}: ${count}`),
    budgetTokens,
  );
}

function line(space: string, names: readonly string[], most: number): string {
  const shown = names.slice(0, most).join(", ");
  const more = names.length > most && most > 0 ? ", …" : "";
  return `// ${space} (${names.length})${shown === "" ? "" : `: ${shown}${more}`}`;
}

/** As many lines as there is room for, and how many more there are. */
function cut(lines: readonly string[], budgetTokens: number): string {
  const kept: string[] = [];
  let left = budgetTokens - 10;
  for (const text of lines) {
    left -= estimateTokens(`${text}\n`);
    if (left < 0) break;
    kept.push(text);
  }
  if (kept.length === 0) return "";
  return [
    ...kept,
    ...(kept.length < lines.length ? [`// and ${lines.length - kept.length} more namespaces`] : []),
  ].join("\n");
}
