import { primordials } from "../values/primordials.ts";
import { asList, asRecord } from "./lists.ts";
import { isIdentifier, quoted } from "./text.ts";
import { printType, type TypeOptions } from "./types.ts";

const { slice } = primordials;

export type ComponentKind = "tool" | "agent";

/** For a line in a message: short, and cut where it would not be. */
const SHORT: TypeOptions = { maxLength: 1_500, maxDepth: 6, docs: false, open: false, ellipsis: "…" };

/** How a component is called, as TypeScript says it: `tools.add(input: { a: number; b: number }): Promise<number>`. */
export function signatureOf(component: {
  readonly kind: ComponentKind;
  readonly name: string;
  /** JSON Schemas; undefined when anything goes. */
  readonly input: unknown;
  readonly output: unknown;
}): string {
  const { kind, name, input, output } = component;
  return `${access(kind, name)}${callOf(input, typeOf(input), typeOf(output))}`;
}

/** A JSON Schema as a TypeScript type, on one line. What it cannot say is `unknown`; what is too long is `…`. */
export function typeOf(schema: unknown): string {
  return printType(schema, SHORT).type;
}

/** What follows a name: `(input: { a: number }): Promise<number>`. An input of which nothing is required may be left out. */
export function callOf(schema: unknown, input: string, output: string): string {
  return `(${isNeeded(schema) ? "input" : "input?"}: ${input}): Promise<${output}>`;
}

function isNeeded(schema: unknown): boolean {
  const node = asRecord(schema);
  if (schema === undefined || schema === true) return false;
  const isPlain = node["anyOf"] ?? node["oneOf"] ?? node["allOf"] ?? node["$ref"] ?? node["const"] ?? node["enum"];
  return node["type"] !== "object" || isPlain !== undefined || asList(node["required"]).length > 0;
}

/** How a program gets at a component: `tools.github.search`, `tools.github["look-up"]`, `agents.writer.run`. */
export function access(kind: ComponentKind, name: string): string {
  let text = `${kind}s`;
  let start = 0;
  for (let at = 0; at <= name.length; at++) {
    if (at < name.length && name[at] !== ".") continue;
    const part = slice(name, start, at);
    text += isIdentifier(part) ? `.${part}` : `[${quoted(part)}]`;
    start = at + 1;
  }
  return kind === "agent" ? `${text}.run` : text;
}
