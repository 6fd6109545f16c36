import { fromBase64 } from "./base64.ts";
import { MAX_DEPTH } from "./encode.ts";
import { MalformedValueError } from "./errors.ts";
import { primordials, setOwn } from "./primordials.ts";

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
   * @defaultValue 200, twice what `encode` allows, because a type takes two levels
   */
  readonly maxDepth?: number;
}

const { isArray, keys, hasOwn, mapGet, mapSet, indexOf, charCodeAt } = primordials;

/**
 * The value that `encode` wrote. Never runs code, never touches a prototype, takes memory in proportion to `text`.
 *
 * @throws {@link MalformedValueError} when `text` is not what `encode` writes.
 */
export function decode(text: string, options: DecodeOptions = {}): unknown {
  checkDepth(text, (hasOwn(options, "maxDepth") ? options.maxDepth : undefined) ?? 2 * MAX_DEPTH);
  let parsed: unknown;
  try {
    parsed = primordials.parse(text);
  } catch {
    throw new MalformedValueError("The text is not JSON");
  }
  // Most values are plain JSON: what the parser made is already the value.
  const plain = (hasOwn(options, "mode") && options.mode === "json") || indexOf(text, `"$type"`) === -1;
  return plain ? parsed : new Decoder().read(parsed);
}

/** Refuses text that nests too deep for a recursive reader, without parsing it. */
function checkDepth(text: string, maxDepth: number): void {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const code = charCodeAt(text, at);
    if (inString) {
      if (code === 92) at++;
      else if (code === 34) inString = false;
    } else if (code === 34) inString = true;
    else if (code === 91 || code === 123) {
      if (++depth > maxDepth) throw new MalformedValueError(`The text is nested deeper than ${maxDepth} levels`);
    } else if (code === 93 || code === 125) depth--;
  }
}

type Json = Record<string, unknown>;

function isHole(node: unknown): boolean {
  return typeof node === "object" && node !== null && hasOwn(node, "$type") && (node as Json)["$type"] === "hole";
}

class Decoder {
  /** Objects by number, in the order in which `encode` met them. */
  readonly #objects: object = new primordials.Map();
  #count = 0;

  read(node: unknown): unknown {
    if (typeof node !== "object" || node === null) return node;
    if (isArray(node)) return this.#array(node);
    if (hasOwn(node, "$type")) return this.#typed(node as Json);
    const record = this.#number({});
    const names = keys(node);
    for (let index = 0; index < names.length; index++) {
      const key = names[index] as string;
      setOwn(record, key, this.read((node as Json)[key]));
    }
    return record;
  }

  #number<T extends object>(object: T): T {
    mapSet(this.#objects, this.#count++, object);
    return object;
  }

  #array(nodes: readonly unknown[]): unknown[] {
    const array: unknown[] = this.#number([]);
    for (let index = 0; index < nodes.length; index++) {
      const node = nodes[index];
      if (isHole(node)) array.length = index + 1;
      else setOwn(array, index, this.read(node));
    }
    return array;
  }

  #typed(node: Json): unknown {
    const type = node["$type"];
    const { value } = node;
    switch (type) {
      case "undefined":
        return undefined;
      case "number":
        if (value === "NaN" || value === "Infinity" || value === "-Infinity" || value === "-0") {
          return primordials.Number(value);
        }
        throw malformed(type);
      case "bigint":
        try {
          return primordials.BigInt(text(value, type));
        } catch {
          throw malformed(type);
        }
      case "Ref": {
        const { id } = node;
        const target = mapGet(this.#objects, id);
        if (target === undefined) throw malformed(type);
        return target;
      }
      case "Object": {
        const record = this.#number({});
        this.#pairs(value, type, (key, item) => setOwn(record, text(key, type), this.read(item)));
        return record;
      }
      case "Date":
        return this.#number(new primordials.Date(value === null ? NaN : text(value, type)));
      case "Map": {
        const map = this.#number(new primordials.Map());
        this.#pairs(value, type, (key, item) => {
          const decodedKey = this.read(key);
          mapSet(map, decodedKey, this.read(item));
        });
        return map;
      }
      case "Set": {
        const set = this.#number(new primordials.Set());
        const items = list(value, type);
        for (let index = 0; index < items.length; index++) primordials.setAdd(set, this.read(items[index]));
        return set;
      }
      case "RegExp":
        try {
          return this.#number(new primordials.RegExp(text(node["source"], type), text(node["flags"], type)));
        } catch {
          throw malformed(type);
        }
      case "Error":
        return this.#error(node);
      case "ArrayBuffer": {
        const bytes = fromBase64(text(node["base64"], type));
        if (!bytes) throw malformed(type);
        return this.#number(bytes.buffer);
      }
      default:
        return this.#view(node, type);
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

  #error(node: Json): Error {
    const name = text(node["name"], "Error");
    const Known = hasOwn(errorClasses, name) ? (errorClasses[name] as ErrorConstructor) : primordials.Error;
    const error = this.#number(new Known(text(node["message"], "Error")));
    const hide = (key: string, value: unknown): void => {
      const descriptor = { __proto__: null, value, writable: true, enumerable: false, configurable: true };
      primordials.defineProperty(error, key, descriptor as PropertyDescriptor);
    };
    if (Known === primordials.Error && name !== "Error") hide("name", name);
    hide("stack", hasOwn(node, "stack") ? text(node["stack"], "Error") : `${name}: ${error.message}`);
    if (hasOwn(node, "cause")) hide("cause", this.read(node["cause"]));
    return error;
  }

  #view(node: Json, type: unknown): object {
    if (typeof type !== "string" || !hasOwn(viewClasses, type)) throw malformed(type);
    const number = this.#count++; // a view is met before its buffer
    const buffer = this.read(node["buffer"]);
    const { offset, length } = node;
    try {
      primordials.bufferByteLength(buffer);
      if (!primordials.isSafeInteger(offset) || !primordials.isSafeInteger(length)) throw malformed(type);
      const View = viewClasses[type] as new (buffer: unknown, offset: unknown, length: unknown) => object;
      const view = new View(buffer, offset, length);
      mapSet(this.#objects, number, view);
      return view;
    } catch {
      throw malformed(type);
    }
  }
}

const errorClasses: Readonly<Record<string, unknown>> = {
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
};

const viewClasses: Readonly<Record<string, unknown>> = {
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  DataView,
};

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
