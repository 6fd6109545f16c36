import { primordials } from "../values/primordials.ts";
import { isIdentifier } from "./text.ts";

const { create } = primordials;

/** A part of the text of a type; a union goes in parentheses where it is part of something else. */
export interface Part {
  readonly text: string;
  readonly union: boolean;
}

export const UNKNOWN: Part = { text: "unknown", union: false };
export const NEVER: Part = { text: "never", union: false };

/** `item[]`, or `Array<item>` where that would be another type. */
export function listOf(item: Part): Part {
  return { text: isIdentifier(item.text) ? `${item.text}[]` : `Array<${item.text}>`, union: false };
}

/** What is of one of the types, each told once. */
export function union(parts: readonly Part[]): Part {
  const seen = create(null) as Record<string, true>;
  let text = "";
  let count = 0;
  for (let index = 0; index < parts.length; index++) {
    const part = parts[index] as Part;
    if (part.text === "unknown") return UNKNOWN;
    if (part.text === "never" || part.text in seen) continue;
    seen[part.text] = true;
    text += `${count === 0 ? "" : " | "}${part.text}`;
    count += part.union ? 2 : 1;
  }
  return count === 0 ? NEVER : { text, union: count > 1 };
}

/** What is of both types. */
export function both(a: Part, b: Part): Part {
  if (a.text === "unknown" || b.text === "never" || a.text === b.text) return b;
  if (b.text === "unknown" || a.text === "never") return a;
  return { text: `${inParentheses(a)} & ${inParentheses(b)}`, union: false };
}

function inParentheses({ text, union }: Part): string {
  return union ? `(${text})` : text;
}
