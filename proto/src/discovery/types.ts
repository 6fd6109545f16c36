import { primordials } from "../values/primordials.ts";
import { docOf } from "./docs.ts";
import { add, asList, asNames, asRecord, indent, join, pointed, unescape } from "./lists.ts";
import { literalsOf } from "./literals.ts";
import { both, listOf, NEVER, type Part, union, UNKNOWN } from "./parts.ts";
import { keyOf, pascal } from "./text.ts";

const { create, indexOf, isArray, keys, slice } = primordials;

// Types
// ==========================================================================
// A JSON Schema as TypeScript: the only place where one is made of the other, for signatures inside the isolate and for
// declarations in the app. It runs next to programs that may have replaced any method, so it uses `primordials` alone.
//
// T1  Each value that the schema accepts is of the type. The other way round as far as TypeScript can say it: it has no
//     ranges, patterns, lengths or `not`, and where there is no room a part is `unknown`.
// T2  Nothing is read but the schema: a `$ref` that does not begin with `#` is `unknown`.
// T3  Time and text are bounded by `limits`, whatever the schema is like.

/** How much of a schema is shown. */
export interface TypeOptions {
  /** Longest text of the whole, in UTF-16 units, about. */
  readonly maxLength: number;
  readonly maxDepth: number;
  /** Members with what the schema says of them, as JSDoc. */
  readonly docs: boolean;
  /**
   * What may be passed beside the listed members: with `true` all that the schema lets pass, with `false` only what it
   * names. JSON Schema lets anything pass where `additionalProperties` is absent, though nobody reads it.
   */
  readonly open: boolean;
  /** Start of the names of types that are given one: those that hold themselves, or are used more than once. None is when absent. */
  readonly prefix?: string;
  /** What stands for parts that there is no room for: `…` is for reading, and does not compile. `unknown` when absent. */
  readonly ellipsis?: "…";
}

/** A type, and the types it speaks of: declarations that can stand anywhere beside it. */
export interface PrintedType {
  readonly type: string;
  readonly named: readonly string[];
}

/** A `$ref` under way, or done. */
interface Reference {
  name: string;
  /** Where it is being printed: how many members and items lie around it. -1 when it is not. */
  level: number;
  /** As it was printed, for the next use. */
  part: Part | undefined;
}

const MAX_NODES = 3_000;
const MIN_NODE = 4; // units that a part counts at least, so that empty ones come to an end too
const MANY = 20; // members of an object that are all shown in their order
const MAX_MEMBERS = 400;
const MAX_KEY = 200;
const MAX_BRANCHES = 100;
const NAMED = 60; // units from which a type that is used twice gets a name
const WIDE = 100; // units of an object on one line

const ANY_OBJECT = "Record<string, unknown>";

/** Prints `schema`. `title` names the whole where it speaks of itself. */
export function printType(schema: unknown, options: TypeOptions, title = "Type"): PrintedType {
  const printer = new Printer(schema, options, title);
  const part = printer.whole();
  return { type: part.text, named: printer.named };
}

class Printer {
  readonly named: string[] = [];
  readonly #root: unknown;
  readonly #options: TypeOptions;
  readonly #title: string;
  readonly #references = create(null) as Record<string, Reference>;
  readonly #uses = create(null) as Record<string, number>;
  readonly #names = create(null) as Record<string, true>;
  readonly #more: Part;
  #left: number;
  #nodes = MAX_NODES;
  #level = 0;

  constructor(root: unknown, options: TypeOptions, title: string) {
    this.#root = root;
    this.#options = options;
    this.#title = title;
    this.#left = options.maxLength;
    this.#more = options.ellipsis ? { text: options.ellipsis, union: false } : UNKNOWN;
    if (options.prefix !== undefined) this.#count(root, 0, { left: MAX_NODES * 4 });
  }

  whole(): Part {
    return this.#options.prefix === undefined ? this.#show(this.#root, 0) : this.#reference("#", 0);
  }

  #show(schema: unknown, depth: number): Part {
    if (this.#left <= 0 || this.#nodes <= 0) return this.#more;
    this.#nodes -= 1;
    const before = this.#left;
    const part = this.#part(schema, depth);
    // What lies inside has counted itself.
    if (this.#left === before) this.#left -= primordials.max(part.text.length, MIN_NODE);
    else this.#left -= MIN_NODE;
    return part;
  }

  #part(schema: unknown, depth: number): Part {
    if (schema === true || schema === undefined || depth > this.#options.maxDepth) return UNKNOWN;
    if (schema === false) return NEVER;
    const node = asRecord(schema);
    let whole = this.#literals(node);
    if (whole === undefined) {
      const reference = node["$ref"];
      whole = typeof reference === "string" ? this.#reference(reference, depth) : UNKNOWN;
      whole = both(whole, this.#typed(node, depth));
      whole = both(whole, this.#either(node["anyOf"], depth));
      whole = both(whole, this.#either(node["oneOf"], depth));
      const all = asList(node["allOf"]);
      for (let index = 0; index < all.length && index < MAX_BRANCHES; index++) {
        whole = both(whole, this.#show(all[index], depth + 1));
      }
    }
    // OpenAPI 3.0 says it so.
    return node["nullable"] === true && whole.text !== "unknown"
      ? union([whole, { text: "null", union: false }])
      : whole;
  }

  /** `const` and `enum`, less what `type` refuses; the types of all where they are too many to be listed. */
  #literals(node: Record<string, unknown>): Part | undefined {
    const listed = "const" in node ? [node["const"]] : node["enum"];
    if (!isArray(listed)) return undefined;
    const literals = literalsOf(listed, this.#left, (value) => isOfType(value, node["type"]));
    const { text, types, count, isWhole } = literals;
    if (isWhole) return text === "" ? NEVER : { text, union: count > 1 };
    return this.#options.ellipsis && text !== "" ? { text: `${text} | …`, union: true } : { text: types, union: true };
  }

  #either(choices: unknown, depth: number): Part {
    if (!isArray(choices)) return UNKNOWN;
    if (choices.length > MAX_BRANCHES) return this.#more;
    const parts: Part[] = [];
    for (let index = 0; index < choices.length; index++) add(parts, this.#show(choices[index], depth + 1));
    return union(parts);
  }

  /** What `type`, `properties` and `items` say; a schema with one of the latter means an object or an array. */
  #typed(node: Record<string, unknown>, depth: number): Part {
    const { type } = node;
    if (isArray(type)) {
      const parts: Part[] = [];
      for (let index = 0; index < type.length && index < 10; index++) add(parts, this.#one(node, type[index], depth));
      return union(parts);
    }
    if (type !== undefined) return this.#one(node, type, depth);
    if (node["properties"] !== undefined || isArray(node["required"]) || isObject(node["additionalProperties"])) {
      return this.#one(node, "object", depth);
    }
    return node["items"] !== undefined || isArray(node["prefixItems"]) ? this.#one(node, "array", depth) : UNKNOWN;
  }

  #one(node: Record<string, unknown>, type: unknown, depth: number): Part {
    switch (type) {
      case "string":
      case "number":
      case "boolean":
      case "null":
        return { text: type, union: false };
      case "integer":
        return { text: "number", union: false };
      case "array":
        return this.#inside(() => this.#array(node, depth));
      case "object":
        return this.#inside(() => this.#object(node, depth));
      default:
        return UNKNOWN;
    }
  }

  #inside(show: () => Part): Part {
    this.#level += 1;
    const part = show();
    this.#level -= 1;
    return part;
  }

  /** A list, or a tuple: `prefixItems`, and in draft-07 an array of `items`. */
  #array(node: Record<string, unknown>, depth: number): Part {
    const isOld = isArray(node["items"]);
    const first = asList(isOld ? node["items"] : node["prefixItems"]);
    const rest = isOld ? node["additionalItems"] : node["items"];
    if (first.length === 0) return listOf(this.#show(rest, depth + 1));
    const least = typeof node["minItems"] === "number" ? node["minItems"] : 0;
    const items: string[] = [];
    for (let index = 0; index < first.length && index < MAX_BRANCHES; index++) {
      const { text, union } = this.#show(first[index], depth + 1);
      add(items, index < least ? text : union ? `(${text})?` : `${text}?`);
    }
    const isWhole = first.length <= MAX_BRANCHES;
    const isClosed = rest === false || node["maxItems"] === first.length;
    if (!isWhole) add(items, "...unknown[]");
    else if (!isClosed) add(items, `...${listOf(this.#show(rest, depth + 1)).text}`);
    return { text: `[${join(items, ", ")}]`, union: false };
  }

  #object(node: Record<string, unknown>, depth: number): Part {
    const properties = asRecord(node["properties"]);
    const required = asNames(node["required"], MAX_MEMBERS * 4);
    const names = this.#inOrder(properties, required);
    let members: string[] = [];
    let types: Part[] = [];
    let isLong = false;
    let isWhole = names.isWhole;
    for (let index = 0; index < names.list.length; index++) {
      if (this.#left <= 0) {
        isWhole = false;
        break;
      }
      const name = names.list[index] as string;
      const isOptional = !(name in required);
      const type = this.#show(name in properties ? properties[name] : rest(node), depth + 1);
      const doc = this.#options.docs ? docOf(properties[name], this.#root) : "";
      const member = `${keyOf(name)}${isOptional ? "?" : ""}: ${type.text}`;
      this.#left -= member.length - type.text.length + doc.length;
      isLong ||= doc !== "" || indexOf(member, "\n") !== -1;
      add(members, `${doc === "" ? "" : `${doc}\n`}${member}`);
      add(types, isOptional ? union([type, { text: "undefined", union: false }]) : type);
    }
    if (!isWhole && this.#options.ellipsis) add(members, this.#options.ellipsis);
    else {
      const index = isWhole ? this.#index(node, types, depth) : UNKNOWN;
      if (members.length === 0 && (index === undefined || index.text === "unknown")) {
        const isEmpty = index === undefined && isWhole && this.#takesNothing(node);
        return { text: isEmpty ? "Record<string, never>" : ANY_OBJECT, union: false };
      }
      if (index !== undefined) add(members, `[key: string]: ${index.text}`);
    }
    const line = `{ ${join(members, "; ")} }`;
    if (!isLong && (line.length <= WIDE || !this.#options.docs)) return { text: line, union: false };
    return { text: `{\n  ${indent(join(members, ";\n"))};\n}`, union: false };
  }

  /** Whether an object without listed members has none: where that is said, or where a list is there, and empty. */
  #takesNothing(node: Record<string, unknown>): boolean {
    if (node["additionalProperties"] === false) return true;
    const isAlone = (node["anyOf"] ?? node["oneOf"] ?? node["allOf"] ?? node["$ref"]) === undefined;
    return isAlone && node["properties"] !== undefined;
  }

  /** What members beside the listed ones may be. Undefined when there are none, or none that the schema names. */
  #index(node: Record<string, unknown>, listed: readonly Part[], depth: number): Part | undefined {
    const others: Part[] = [];
    const patterns = asRecord(node["patternProperties"]);
    const names = keys(patterns);
    for (let index = 0; index < names.length && index < MAX_BRANCHES; index++) {
      add(others, this.#show(patterns[names[index] as string], depth + 1));
    }
    if (names.length > MAX_BRANCHES) add(others, UNKNOWN);
    const more = node["additionalProperties"];
    if (more === true || isObject(more)) add(others, this.#show(more, depth + 1));
    else if (more === undefined && this.#options.open) add(others, UNKNOWN);
    if (others.length === 0) return undefined;
    // An index signature speaks of the listed members too.
    for (let index = 0; index < listed.length; index++) add(others, listed[index] as Part);
    return union(others);
  }

  /** Required members first where there is no room for all; those that are required and not described last. */
  #inOrder(properties: Record<string, unknown>, required: Record<string, true>): { list: string[]; isWhole: boolean } {
    const names = keys(properties);
    const wanted = keys(required);
    const list: string[] = [];
    let isWhole = true;
    const take = (from: readonly string[], isWanted: (name: string) => boolean): void => {
      for (let index = 0; index < from.length; index++) {
        const name = from[index] as string;
        if (!isWanted(name)) continue;
        if (list.length < MAX_MEMBERS && name.length <= MAX_KEY) add(list, name);
        else isWhole = false;
      }
    };
    if (names.length > MANY) {
      take(names, (name) => name in required);
      take(names, (name) => !(name in required));
    } else take(names, () => true);
    take(wanted, (name) => !(name in properties));
    return { list, isWhole };
  }

  /** The type that is pointed at, by name where it has one. One that is nothing but itself says nothing. */
  #reference(pointer: string, depth: number): Part {
    const target = pointed(this.#root, pointer);
    if (target === undefined) return UNKNOWN;
    if (this.#options.prefix === undefined) return this.#show(target, depth + 1);
    const known = this.#references[pointer];
    if (known?.part !== undefined) return known.part;
    if (known !== undefined) {
      if (known.level === this.#level) return UNKNOWN;
      known.name ||= this.#nameOf(pointer);
      return { text: known.name, union: false };
    }
    const reference: Reference = { name: "", level: this.#level, part: undefined };
    this.#references[pointer] = reference;
    const part = this.#show(target, depth + 1);
    const isUsed = (this.#uses[pointer] ?? 0) > 1 && part.text.length >= NAMED;
    if (isUsed) reference.name ||= this.#nameOf(pointer);
    if (reference.name === "") reference.part = part;
    else {
      add(this.named, `type ${reference.name} = ${part.text};`);
      reference.part = { text: reference.name, union: false };
    }
    return reference.part;
  }

  #nameOf(pointer: string): string {
    let start = 0;
    for (let at = indexOf(pointer, "/"); at !== -1; at = indexOf(pointer, "/", start)) start = at + 1;
    const own = start === 0 ? this.#title : pascal(slice(unescape(slice(pointer, start)), 0, 60));
    const wanted = `${this.#options.prefix}_${own}`;
    let name = wanted;
    for (let count = 2; name in this.#names; count++) name = `${wanted}${count}`;
    this.#names[name] = true;
    return name;
  }

  /** How often each part of the schema is pointed at. */
  #count(node: unknown, depth: number, steps: { left: number }): void {
    if (typeof node !== "object" || node === null || depth > 100 || (steps.left -= 1) < 0) return;
    const names = keys(node);
    for (let index = 0; index < names.length && steps.left > 0; index++) {
      const value = (node as Record<string, unknown>)[names[index] as string];
      if (names[index] === "$ref" && typeof value === "string") this.#uses[value] = (this.#uses[value] ?? 0) + 1;
      else this.#count(value, depth + 1, steps);
    }
  }
}

/** What a required member is that is not described. */
function rest(node: Record<string, unknown>): unknown {
  const more = node["additionalProperties"];
  return isObject(more) ? more : true;
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !isArray(value);
}

function isOfType(value: unknown, type: unknown): boolean {
  if (typeof type === "string") {
    if (type === "integer") return typeof value === "number";
    if (type === "null") return value === null;
    if (type === "array") return isArray(value);
    if (type === "object") return isObject(value);
    return typeof value === type;
  }
  if (!isArray(type)) return true;
  for (let index = 0; index < type.length && index < 10; index++) if (isOfType(value, type[index])) return true;
  return false;
}
