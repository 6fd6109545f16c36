import { primordials, setOwn } from "@codemode/proto/values";
import { asRecord, type Entry } from "./catalog.ts";

const { isArray, keys, regExpExec, slice, startsWith, stringify } = primordials;

const identifier = /^[A-Za-z_$][\w$]*$/;
const MAX_LENGTH = 1_500; // characters of one type
const MAX_DEPTH = 5;

/** How a component is called, as TypeScript says it: `tools.add(input: { a: number; b: number }): number`. */
export function signatureOf({ kind, name, input, output }: Entry): string {
  const parameter = input === undefined ? "input?: unknown" : `input: ${typeOf(input)}`;
  const result = output === undefined ? "unknown" : typeOf(output);
  return `${access(kind, name)}(${parameter}): ${result === "unknown" ? "Promise<unknown>" : `Promise<${result}>`}`;
}

/** How a program gets at a component: `tools.github.search`, `tools["look-up"]`, `agents.writer.run`. */
export function access(kind: "tool" | "agent", name: string): string {
  let text = `${kind}s`;
  let plain = true;
  let start = 0;
  for (let at = 0; at <= name.length; at++) {
    if (at < name.length && name[at] !== ".") continue;
    const part = slice(name, start, at);
    plain &&= regExpExec(identifier, part) !== null;
    text += `.${part}`;
    start = at + 1;
  }
  return `${plain ? text : `${kind}s[${stringify(name)}]`}${kind === "agent" ? ".run" : ""}`;
}

/** A JSON Schema as a TypeScript type. What it cannot say is `unknown`. */
export function typeOf(schema: unknown): string {
  const text = show(schema, schema, 0);
  return text.length > MAX_LENGTH ? "object" : text;
}

function show(schema: unknown, root: unknown, depth: number): string {
  if (schema === true || schema === undefined || depth > MAX_DEPTH) return "unknown";
  if (schema === false) return "never";
  const node = asRecord(schema);
  const reference = node["$ref"];
  if (typeof reference === "string") return show(resolve(reference, root), root, depth + 1);
  if ("const" in node) return stringify(node["const"]) ?? "unknown";
  if (isArray(node["enum"])) return join(node["enum"], " | ", (item) => stringify(item) ?? "unknown");
  const choices = node["anyOf"] ?? node["oneOf"];
  if (isArray(choices)) return join(choices, " | ", (choice) => show(choice, root, depth + 1));
  if (isArray(node["allOf"])) return join(node["allOf"], " & ", (part) => show(part, root, depth + 1));
  const { type } = node;
  if (isArray(type)) {
    return join(type, " | ", (one) => {
      const single = asRecord(schema);
      single["type"] = one;
      return show(single, root, depth + 1);
    });
  }
  switch (type) {
    case "string":
    case "number":
    case "boolean":
    case "null":
      return type;
    case "integer":
      return "number";
    case "array": {
      const items = show(node["items"], root, depth + 1);
      return regExpExec(/^\w+$/, items) === null ? `Array<${items}>` : `${items}[]`;
    }
    case "object":
      return object(node, root, depth);
    default:
      return node["properties"] === undefined ? "unknown" : object(node, root, depth);
  }
}

function object(node: Record<string, unknown>, root: unknown, depth: number): string {
  const properties = asRecord(node["properties"]);
  const names = keys(properties);
  const rest = node["additionalProperties"];
  if (names.length === 0) {
    return typeof rest === "object" && rest !== null ? `Record<string, ${show(rest, root, depth + 1)}>` : "object";
  }
  const required = isArray(node["required"]) ? (node["required"] as unknown[]) : [];
  const member = (name: unknown): string => {
    const key = regExpExec(identifier, name as string) === null ? stringify(name) : (name as string);
    return `${key}${has(required, name) ? "" : "?"}: ${show(properties[name as string], root, depth + 1)}`;
  };
  return `{ ${join(names, "; ", member)} }`;
}

/** `#/$defs/User` in `root`. Others are not looked up. */
function resolve(reference: string, root: unknown): unknown {
  if (!startsWith(reference, "#/")) return reference === "#" ? root : undefined;
  let at: unknown = root;
  let start = 2;
  for (let end = 2; end <= reference.length; end++) {
    if (end < reference.length && reference[end] !== "/") continue;
    at = asRecord(at)[slice(reference, start, end)];
    start = end + 1;
  }
  return at;
}

export function has(list: readonly unknown[], wanted: unknown): boolean {
  for (let index = 0; index < list.length; index++) if (list[index] === wanted) return true;
  return false;
}

/** `Array.prototype.map` and `join`, out of a program's reach. Stops when the text is longer than it may be. */
export function join(list: readonly unknown[], between: string, show: (item: unknown) => string): string {
  const shown: string[] = [];
  let text = "";
  for (let index = 0; index < list.length && text.length <= MAX_LENGTH; index++) {
    const item = show(list[index]);
    if (has(shown, item)) continue;
    setOwn(shown, shown.length, item);
    text += `${text === "" ? "" : between}${item}`;
  }
  return text;
}
