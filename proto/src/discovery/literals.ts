import { primordials } from "../values/primordials.ts";
import { quoted } from "./text.ts";

const { create, isArray, isFinite, keys, numberToString } = primordials;

const MAX_TEXT = 200; // units of a literal; a longer one is told as its type
const MAX_LITERALS = 100;
const MAX_DEPTH = 6;

/** Values as a union: `text` of literal types while there is room, and `types` of all of them. */
export interface LiteralUnion {
  readonly text: string;
  readonly types: string;
  readonly isWhole: boolean;
  readonly count: number;
}

/** The values of `list` that `isWanted`, each once and in their order. */
export function literalsOf(
  list: readonly unknown[],
  room: number,
  isWanted: (value: unknown) => boolean,
): LiteralUnion {
  const seen = create(null) as Record<string, true>;
  let text = "";
  let types = "";
  let count = 0;
  let isWhole = true;
  for (let index = 0; index < list.length; index++) {
    const value = list[index];
    if (!isWanted(value)) continue;
    const type = typeNameOf(value);
    if (!(type in seen)) {
      seen[type] = true;
      types += `${types === "" ? "" : " | "}${type}`;
    }
    if (!isWhole) continue;
    const literal = literalOf(value, 0);
    if (literal in seen && literal !== type) continue;
    if (count >= MAX_LITERALS || text.length + literal.length > room) {
      isWhole = false;
      continue;
    }
    seen[literal] = true;
    text += `${count === 0 ? "" : " | "}${literal}`;
    count += 1;
  }
  return { text, types, isWhole, count };
}

/** A JSON value as the type that holds nothing but it. */
function literalOf(value: unknown, depth: number): string {
  switch (typeof value) {
    case "string":
      return value.length <= MAX_TEXT ? quoted(value) : "string";
    case "number":
      return isFinite(value) ? numberToString(value) : "number";
    case "boolean":
      return value ? "true" : "false";
    default:
      if (typeof value !== "object") return "unknown";
      return value === null ? "null" : depth < MAX_DEPTH ? composed(value, depth) : "unknown";
  }
}

function composed(value: object, depth: number): string {
  let text = "";
  const add = (item: string): boolean => {
    text += `${text === "" ? "" : ", "}${item}`;
    return text.length <= MAX_TEXT;
  };
  if (isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      if (!add(literalOf(value[index], depth + 1))) return "unknown[]";
    }
    return `[${text}]`;
  }
  const names = keys(value);
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as string;
    if (name.length > MAX_TEXT) return "Record<string, unknown>";
    const item = literalOf((value as Record<string, unknown>)[name], depth + 1);
    if (!add(`${quoted(name)}: ${item}`)) return "Record<string, unknown>";
  }
  return names.length === 0 ? "Record<string, never>" : `{ ${text} }`;
}

function typeNameOf(value: unknown): string {
  if (value === null) return "null";
  if (isArray(value)) return "unknown[]";
  return typeof value === "object" ? "Record<string, unknown>" : typeof value;
}
