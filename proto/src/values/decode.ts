import { fromBase64 } from "./base64.ts";
import { checkDepth } from "./depth.ts";
import { ERROR_PARTS, MalformedValueError } from "./errors.ts";
import { Buckets } from "./flood.ts";
import { MAX_BIGINT_DIGITS, MAX_DATE, MAX_DEPTH, MAX_REGEXP_COST, regExpCost } from "./limits.ts";
import { hide, primordials, setOwn } from "./primordials.ts";
import { errorPrototypes, makeUrl, viewClasses } from "./realm.ts";

/** What a text may be. */
export interface DecodeOptions {
  /**
   * "exact" for what `encode` wrote; "json" for JSON alone, where a `$type` is a key like any other.
   *
   * @defaultValue "exact"
   */
  readonly mode?: "exact" | "json";
  /**
   * Deepest nesting.
   *
   * @defaultValue 200, twice what `encode` allows
   */
  readonly maxDepth?: number;
}

const { isArray, keys, hasOwn, mapGet, mapSet, indexOf, regExpExec } = primordials;
const decimal = /^-?\d+$/;

/**
 * The value that `encode` wrote. Never runs code, never touches a prototype, takes time and memory in proportion to
 * `text`.
 *
 * @throws {@link MalformedValueError} when `text` is not what `encode` writes.
 */
export function decode(text: string, options: DecodeOptions = {}): unknown {
  const maxDepth = (hasOwn(options, "maxDepth") ? options.maxDepth : undefined) ?? 2 * MAX_DEPTH;
  // Most values are plain JSON: what the parser made is already the value.
  const plain = (hasOwn(options, "mode") && options.mode === "json") || indexOf(text, `"$type"`) === -1;
  checkDepth(text, plain ? maxDepth : 3 * maxDepth); // a Map in a Map is three levels of text further down
  let parsed: unknown;
  try {
    parsed = primordials.parse(text);
  } catch {
    throw new MalformedValueError("The text is not JSON");
  }
  if (plain) return parsed;
  try {
    return new Decoder(indexOf(text, `"Ref"`) !== -1, maxDepth).read(parsed, 0);
  } catch (error) {
    if (error instanceof MalformedValueError) throw error;
    throw new MalformedValueError("The text holds more than can be read"); // than V8 allows in one Map or buffer
  }
}

type Json = Record<string, unknown>;

/** An own property: a program may have put things on Object.prototype. */
function field(node: object, key: string): unknown {
  return hasOwn(node, key) ? (node as Json)[key] : undefined;
}

/** Works in place: what the parser made stays, but for the nodes that stand for something else. */
class Decoder {
  /** Objects by number, in the order in which `encode` met them. */
  readonly #objects: object = new primordials.Map();
  readonly #hasRefs: boolean;
  readonly #maxDepth: number;
  #count = 0;
  #regExpCost = 0;

  constructor(hasRefs: boolean, maxDepth: number) {
    this.#hasRefs = hasRefs;
    this.#maxDepth = maxDepth;
  }

  read(node: unknown, depth: number): unknown {
    if (typeof node !== "object" || node === null) return node;
    if (depth > this.#maxDepth) {
      throw new MalformedValueError(`The value is nested deeper than ${this.#maxDepth} levels`);
    }
    if (isArray(node)) return this.#array(node, depth);
    if (hasOwn(node, "$type")) return this.#typed(node, (node as Json)["$type"], depth);
    this.#number(node);
    const names = keys(node);
    for (let index = 0; index < names.length; index++) {
      const key = names[index] as string;
      const item = (node as Json)[key];
      const decoded = this.read(item, depth + 1);
      if (decoded !== item) setOwn(node, key, decoded);
    }
    return node;
  }

  #number<T extends object>(object: T): T {
    if (this.#hasRefs) mapSet(this.#objects, this.#count++, object);
    return object;
  }

  #array(array: unknown[], depth: number): unknown[] {
    this.#number(array);
    for (let index = 0; index < array.length; index++) {
      const item = array[index];
      if (typeof item !== "object" || item === null) continue;
      if (field(item, "$type") === "hole") primordials.deleteProperty(array, index);
      else {
        const decoded = this.read(item, depth + 1);
        if (decoded !== item) setOwn(array, index, decoded);
      }
    }
    return array;
  }

  #typed(node: object, type: unknown, depth: number): unknown {
    const value = field(node, "value");
    switch (type) {
      case "undefined":
        return undefined;
      case "number":
        if (value === "NaN" || value === "Infinity" || value === "-Infinity" || value === "-0") {
          return primordials.Number(value);
        }
        throw malformed(type);
      case "bigint": {
        const digits = text(value, type);
        if (digits.length > MAX_BIGINT_DIGITS + 1 || regExpExec(decimal, digits) === null) throw malformed(type);
        return primordials.BigInt(digits);
      }
      case "Ref": {
        const target = mapGet(this.#objects, field(node, "id"));
        if (target === undefined) throw malformed(type);
        return target;
      }
      case "Object": {
        const record = this.#number({});
        this.#pairs(value, type, (key, item) => setOwn(record, text(key, type), this.read(item, depth + 1)));
        return record;
      }
      case "Date":
        return this.#number(date(value));
      case "Map": {
        const map = this.#number(new primordials.Map());
        const buckets = new Buckets(list(value, type).length);
        this.#pairs(value, type, (key, item) => {
          const decodedKey = this.read(key, depth + 1);
          buckets.add(decodedKey);
          mapSet(map, decodedKey, this.read(item, depth + 1));
        });
        return map;
      }
      case "Set": {
        const set = this.#number(new primordials.Set());
        const items = list(value, type);
        const buckets = new Buckets(items.length);
        for (let index = 0; index < items.length; index++) {
          const item = this.read(items[index], depth + 1);
          buckets.add(item);
          primordials.setAdd(set, item);
        }
        return set;
      }
      case "RegExp":
        return this.#number(this.#regExp(text(field(node, "source"), type), text(field(node, "flags"), type)));
      case "Error":
        return this.#error(node, depth);
      case "URL":
        try {
          return this.#number(makeUrl(text(value, type)));
        } catch {
          throw malformed(type);
        }
      case "Boxed": {
        const primitive = this.read(value, depth);
        if (primitive === undefined || primitive === null || typeof primitive === "object") throw malformed(type);
        return this.#number(primordials.Object(primitive));
      }
      case "ArrayBuffer": {
        const bytes = fromBase64(text(field(node, "base64"), type));
        if (!bytes) throw malformed(type);
        return this.#number(primordials.typedArrayBuffer(bytes));
      }
      default:
        return this.#view(node, type, depth);
    }
  }

  #pairs(value: unknown, type: unknown, take: (key: unknown, item: unknown) => void): void {
    const entries = list(value, type);
    for (let index = 0; index < entries.length; index++) {
      const entry = list(entries[index], type);
      if (entry.length !== 2) throw malformed(type);
      take(entry[0], entry[1]);
    }
  }

  #regExp(source: string, flags: string): RegExp {
    this.#regExpCost += regExpCost(source);
    if (this.#regExpCost > MAX_REGEXP_COST) throw malformed("RegExp");
    try {
      return new primordials.RegExp(source, flags);
    } catch {
      throw malformed("RegExp");
    }
  }

  #error(node: object, depth: number): Error {
    const name = text(field(node, "name"), "Error");
    const message = text(field(node, "message"), "Error");
    const error = this.#number(new primordials.Error(message));
    // Not by its constructor: that of an AggregateError asks for an iterator, which a program may have replaced.
    if (hasOwn(errorPrototypes, name)) primordials.setPrototypeOf(error, errorPrototypes[name] as object);
    else hide(error, "name", name);
    const header = message === "" ? name : `${name}: ${message}`;
    hide(error, "stack", hasOwn(node, "stack") ? text(field(node, "stack"), "Error") : header);
    for (let index = 0; index < ERROR_PARTS.length; index++) {
      const part = ERROR_PARTS[index] as string;
      if (hasOwn(node, part)) hide(error, part, this.read(field(node, part), depth + 1));
    }
    return error;
  }

  #view(node: object, type: unknown, depth: number): object {
    if (typeof type !== "string" || !hasOwn(viewClasses, type)) throw malformed(type);
    const number = this.#count++; // a view is met before its buffer
    const buffer = this.read(field(node, "buffer"), depth + 1);
    const offset = field(node, "offset");
    const length = field(node, "length");
    if (!primordials.isSafeInteger(offset) || !primordials.isSafeInteger(length)) throw malformed(type);
    try {
      primordials.bufferByteLength(buffer);
      const View = viewClasses[type] as new (buffer: unknown, offset: unknown, length: unknown) => object;
      const view = new View(buffer, offset, length);
      mapSet(this.#objects, number, view);
      return view;
    } catch {
      throw malformed(type);
    }
  }
}

function date(value: unknown): Date {
  if (value === null) return new primordials.Date(NaN);
  const iso = text(value, "Date");
  if (iso.length > MAX_DATE) throw malformed("Date");
  const decoded = new primordials.Date(iso);
  const time = primordials.dateGetTime(decoded);
  if (time !== time || primordials.dateToISOString(decoded) !== iso) throw malformed("Date");
  return decoded;
}

function text(value: unknown, type: unknown): string {
  if (typeof value !== "string") throw malformed(type);
  return value;
}

function list(value: unknown, type: unknown): readonly unknown[] {
  if (!isArray(value)) throw malformed(type);
  return value as unknown[];
}

function malformed(type: unknown): MalformedValueError {
  return new MalformedValueError(`The text has a ${typeof type === "string" ? type : "$type"} that cannot be read`);
}
