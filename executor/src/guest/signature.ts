import { primordials, setOwn } from "@codemode/proto/values";
import { asRecord, type Entry } from "./catalog.ts";

const { hasOwn, isArray, keys, regExpExec, slice, startsWith, stringify } = primordials;

const identifier = /^[A-Za-z_$][\w$]*$/;
const plain = /^\w+$/;
const union = / \| /;
const MAX_LENGTH = 1_500; // characters of one type, about
const MAX_DEPTH = 5;
const MIN_NODE = 4; // characters that a part counts at least
const MANY = 20; // members of an object that are all shown in their order

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

/** A JSON Schema as a TypeScript type. What it cannot say is `unknown`; what is too long for a signature is `…`. */
export function typeOf(schema: unknown): string {
  return new Printer(schema).show(schema, 0);
}

/** Prints one schema. Hostile ones refer to themselves, or to each other in more ways than there is time for. */
class Printer {
  readonly #root: unknown;
  #left = MAX_LENGTH;

  constructor(root: unknown) {
    this.#root = root;
  }

  show(schema: unknown, depth: number): string {
    const text = this.#left <= 0 ? "…" : this.#type(schema, depth);
    this.#left -= MIN_NODE;
    return text;
  }

  #type(schema: unknown, depth: number): string {
    if (schema === true || schema === undefined || depth > MAX_DEPTH) return "unknown";
    if (schema === false) return "never";
    const node = asRecord(schema);
    const reference = node["$ref"];
    const below = (part: unknown): string => this.show(part, depth + 1);
    if (typeof reference === "string") return below(this.#resolve(reference));
    if ("const" in node) return stringify(node["const"]) ?? "unknown";
    if (isArray(node["enum"])) return either(node["enum"], (item) => stringify(item) ?? "unknown");
    const choices = node["anyOf"] ?? node["oneOf"];
    if (isArray(choices)) return either(choices, below);
    if (isArray(node["allOf"])) return join(node["allOf"], " & ", (part) => inParentheses(below(part))) || "unknown";
    const { type } = node;
    if (isArray(type)) {
      return either(type, (one) => {
        node["type"] = one;
        return below(node);
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
        const items = below(node["items"]);
        return regExpExec(plain, items) === null ? `Array<${items}>` : `${items}[]`;
      }
      case "object":
        return this.#object(node, below);
      default:
        return node["properties"] === undefined ? "unknown" : this.#object(node, below);
    }
  }

  /** Required members first where there is no room for all. */
  #object(node: Record<string, unknown>, below: (part: unknown) => string): string {
    const properties = asRecord(node["properties"]);
    const names = keys(properties);
    const rest = node["additionalProperties"];
    if (names.length === 0)
      return typeof rest === "object" && rest !== null ? `Record<string, ${below(rest)}>` : "object";
    const required = isArray(node["required"]) ? (node["required"] as unknown[]) : [];
    const inOrder: string[] = [];
    const take = (isWanted: (name: string) => boolean): void => {
      for (let index = 0; index < names.length; index++) {
        const name = names[index] as string;
        if (isWanted(name)) setOwn(inOrder, inOrder.length, name);
      }
    };
    if (names.length > MANY) {
      take((name) => has(required, name));
      take((name) => !has(required, name));
    } else take(() => true);
    let text = "";
    for (let index = 0; index < inOrder.length; index++) {
      const name = inOrder[index] as string;
      const key = regExpExec(identifier, name) === null ? stringify(name) : name;
      const member = `${key}${has(required, name) ? "" : "?"}: ${below(properties[name])}`;
      this.#left -= member.length;
      text += `${text === "" ? "" : "; "}${this.#left > 0 ? member : "…"}`;
      if (this.#left <= 0) break;
    }
    return `{ ${text} }`;
  }

  /** `#/$defs/User` in the root. Others are not looked up. */
  #resolve(reference: string): unknown {
    if (!startsWith(reference, "#/")) return reference === "#" ? this.#root : undefined;
    let at: unknown = this.#root;
    let start = 2;
    for (let end = 2; end <= reference.length; end++) {
      if (end < reference.length && reference[end] !== "/") continue;
      const key = unescape(slice(reference, start, end));
      if (typeof at !== "object" || at === null || !hasOwn(at, key)) return undefined;
      at = (at as Record<string, unknown>)[key];
      start = end + 1;
    }
    return at;
  }
}

/** One reference token of a JSON Pointer (RFC 6901). */
function unescape(token: string): string {
  let text = "";
  for (let at = 0; at < token.length; at++) {
    const next = token[at] === "~" ? token[at + 1] : undefined;
    if (next === "0" || next === "1") at++;
    text += next === "1" ? "/" : next === "0" ? "~" : (token[at] as string);
  }
  return text;
}

function either(list: readonly unknown[], show: (item: unknown) => string): string {
  return join(list, " | ", show) || "never";
}

function inParentheses(type: string): string {
  return regExpExec(union, type) === null ? type : `(${type})`;
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
