import { toBase64 } from "./base64.ts";
import { UnserializableError, ValueTooLargeError } from "./errors.ts";
import { isError, isPromise, primordials } from "./primordials.ts";
import { utf8Length } from "./utf8.ts";

/** How a value is to be written. */
export interface EncodeOptions {
  /**
   * "exact" keeps every type by `{"$type": …}` objects; "json" is JSON alone and refuses what it cannot hold.
   *
   * @defaultValue "exact"
   */
  readonly mode?: "exact" | "json";
  /** Longest text, in bytes of UTF-8. No bound when absent. */
  readonly maxBytes?: number;
  /**
   * Deepest nesting.
   *
   * @defaultValue 100
   */
  readonly maxDepth?: number;
  /**
   * Whether the stacks of Error objects cross. An app says no: they name its files.
   *
   * @defaultValue false
   */
  readonly stacks?: boolean;
}

/** Where the walk stands: a linked list, so that a path costs nothing until it is needed. */
interface Place {
  readonly key: string | number;
  readonly parent: Place | undefined;
  readonly depth: number;
}

const { isArray, keys, hasOwn, is, stringify, getPrototypeOf, mapGet, mapSet, mapForEach, setForEach } = primordials;
const identifier = /^[A-Za-z_$][\w$]*$/;

export const MAX_DEPTH = 100;

/**
 * `value` as text that {@link decode} turns back into its equal: JSON, with `{"$type": …}` for what JSON cannot hold.
 *
 * Undefined, NaN, ±Infinity, -0, BigInt, Date, Map, Set, RegExp, Error, ArrayBuffer, typed arrays, cycles and shared
 * references keep their type. An object of a class crosses as its `toJSON` says, or as its own enumerable
 * properties.
 *
 * @throws {@link UnserializableError} for functions, symbols, promises and objects that would silently become `{}`.
 * @throws {@link ValueTooLargeError} over `maxBytes`.
 */
export function encode(value: unknown, options: EncodeOptions = {}): string {
  const encoder = new Encoder(options);
  const text = encoder.write(value, undefined);
  encoder.mustFit(text);
  return text;
}

class Encoder {
  readonly #json: boolean;
  readonly #maxBytes: number;
  readonly #maxDepth: number;
  readonly #stacks: boolean;
  /** In exact mode the number of each object; in JSON mode whether it is open above. */
  readonly #seen: object = new primordials.Map();
  #count = 0;
  #length = 0;

  constructor(options: EncodeOptions) {
    // Own properties alone: what a program puts on Object.prototype is no option.
    this.#json = hasOwn(options, "mode") && options.mode === "json";
    this.#maxBytes = (hasOwn(options, "maxBytes") ? options.maxBytes : undefined) ?? Infinity;
    this.#maxDepth = (hasOwn(options, "maxDepth") ? options.maxDepth : undefined) ?? MAX_DEPTH;
    this.#stacks = hasOwn(options, "stacks") && options.stacks === true;
  }

  /** Counts bytes where the count of UTF-16 units, which bounds the walk, leaves a doubt. */
  mustFit(text: string): void {
    if (text.length * 3 > this.#maxBytes && utf8Length(text) > this.#maxBytes) throw this.#tooLarge();
  }

  write(value: unknown, place: Place | undefined): string {
    switch (typeof value) {
      case "string":
        return this.#take(stringify(value));
      case "boolean":
        return this.#take(value ? "true" : "false");
      case "number":
        return this.#take(this.#number(value, place));
      case "undefined":
        return this.#special(place, "is undefined", `{"$type":"undefined"}`);
      case "bigint":
        return this.#special(place, "is a BigInt", `{"$type":"bigint","value":"${primordials.bigintToString(value)}"}`);
      case "function":
        throw refuse(place, "is a function");
      case "symbol":
        throw refuse(place, "is a symbol");
      case "object":
        return value === null ? this.#take("null") : this.#object(value, place);
    }
  }

  #number(value: number, place: Place | undefined): string {
    if (value - value === 0 && !is(value, -0)) return primordials.numberToString(value);
    if (this.#json) {
      if (value === 0) return "0";
      throw refuse(place, `is ${primordials.String(value)}, which JSON cannot hold`);
    }
    return `{"$type":"number","value":"${is(value, -0) ? "-0" : primordials.String(value)}"}`;
  }

  #object(value: object, place: Place | undefined): string {
    if ((place?.depth ?? 0) >= this.#maxDepth) throw refuse(place, `is nested deeper than ${this.#maxDepth} levels`);
    const json = toJSON(value);
    if (json) return this.write(primordials.apply(json, value, [""]), place);
    const known = mapGet(this.#seen, value);
    if (known !== undefined && known !== -1) {
      if (this.#json) throw refuse(place, "refers back to what holds it, which JSON cannot hold");
      return this.#take(`{"$type":"Ref","id":${known as number}}`);
    }
    mapSet(this.#seen, value, this.#count++);
    const text = isArray(value) ? this.#array(value, place) : this.#record(value, place);
    if (this.#json) mapSet(this.#seen, value, -1); // shared is fine in JSON, only open ones make a cycle
    return text;
  }

  #array(array: readonly unknown[], place: Place | undefined): string {
    const { length } = array;
    let text = "[";
    for (let index = 0; index < length; index++) {
      if (index > 0) text += this.#take(",");
      const below = { key: index, parent: place, depth: (place?.depth ?? 0) + 1 };
      if (hasOwn(array, index)) {
        const item = array[index];
        text += this.#json && item === undefined ? this.#take("null") : this.write(item, below);
      } else text += this.#json ? this.#take("null") : this.#take(`{"$type":"hole"}`);
    }
    return `${text}]`;
  }

  #record(value: object, place: Place | undefined): string {
    const prototype = getPrototypeOf(value);
    if (prototype !== primordials.ObjectPrototype && prototype !== null) {
      const special = this.#builtIn(value, place);
      if (special !== undefined) return special;
    }
    const names = keys(value);
    // What has a class and nothing to show would silently become {}.
    if (names.length === 0 && prototype !== primordials.ObjectPrototype && prototype !== null && !isPlain(prototype)) {
      throw refuse(place, describeInstance(value));
    }
    if (!this.#json && hasOwn(value, "$type")) return this.#escaped(value, names, place);
    let text = "{";
    for (let index = 0; index < names.length; index++) {
      const key = names[index] as string;
      const item = (value as Record<string, unknown>)[key];
      if (this.#json && item === undefined) continue;
      text += `${text === "{" ? "" : ","}${this.#take(stringify(key))}:${this.write(item, below(place, key))}`;
    }
    return `${text}}`;
  }

  /** An object that has a `$type` of its own: its entries, so that no value can pass for a type. */
  #escaped(value: object, names: readonly string[], place: Place | undefined): string {
    let text = `{"$type":"Object","value":[`;
    for (let index = 0; index < names.length; index++) {
      const key = names[index] as string;
      const item = this.write((value as Record<string, unknown>)[key], below(place, key));
      text += `${index > 0 ? "," : ""}[${this.#take(stringify(key))},${item}]`;
    }
    return `${text}]}`;
  }

  #builtIn(value: object, place: Place | undefined): string | undefined {
    const kind = kindOf(value);
    if (kind === undefined) return undefined;
    if (kind === "Promise") throw refuse(place, "is a promise; is `await` missing?");
    if (this.#json) throw refuse(place, `is a ${kind}, which JSON cannot hold`);
    switch (kind) {
      case "Date": {
        const time = primordials.dateGetTime(value);
        return this.#take(
          `{"$type":"Date","value":${time === time ? `"${primordials.dateToISOString(value)}"` : "null"}}`,
        );
      }
      case "RegExp": {
        const source = stringify(primordials.regExpSource(value));
        return this.#take(`{"$type":"RegExp","source":${source},"flags":"${primordials.regExpFlags(value)}"}`);
      }
      case "Map": {
        let text = "";
        let index = 0;
        mapForEach(value, (item, key) => {
          const at = below(place, index++);
          text += `${text === "" ? "" : ","}[${this.write(key, at)},${this.write(item, at)}]`;
        });
        return `{"$type":"Map","value":[${text}]}`;
      }
      case "Set": {
        let text = "";
        let index = 0;
        setForEach(value, (item) => {
          text += `${text === "" ? "" : ","}${this.write(item, below(place, index++))}`;
        });
        return `{"$type":"Set","value":[${text}]}`;
      }
      case "Error":
        return this.#error(value as Error, place);
      case "ArrayBuffer":
        return this.#take(
          `{"$type":"ArrayBuffer","base64":"${toBase64(new primordials.Uint8Array(value as ArrayBuffer))}"}`,
        );
      case "DataView": {
        const buffer = this.write(primordials.dataViewBuffer(value), below(place, "buffer"));
        const offset = primordials.dataViewByteOffset(value);
        return `{"$type":"DataView","buffer":${buffer},"offset":${offset},"length":${primordials.dataViewByteLength(value)}}`;
      }
      default: {
        if (isNodeBuffer(value)) return this.#nodeBuffer(value);
        const buffer = this.write(primordials.typedArrayBuffer(value), below(place, "buffer"));
        const offset = primordials.typedArrayByteOffset(value);
        return `{"$type":"${kind}","buffer":${buffer},"offset":${offset},"length":${primordials.typedArrayLength(value)}}`;
      }
    }
  }

  /** A Buffer lies in a pool with other data of the app, which must not cross with it. */
  #nodeBuffer(bytes: Uint8Array): string {
    this.#count++; // the buffer of its own that it crosses with
    const text = `{"$type":"Uint8Array","buffer":{"$type":"ArrayBuffer","base64":"${toBase64(bytes)}"},"offset":0`;
    return this.#take(`${text},"length":${bytes.length}}`);
  }

  #error(error: Error, place: Place | undefined): string {
    // Each read once, because it may be a getter; it may also be no text.
    const { name, message } = error as { name: unknown; message: unknown };
    let text = `{"$type":"Error","name":${this.#take(stringify(typeof name === "string" ? name : "Error"))}`;
    text += `,"message":${this.#take(stringify(typeof message === "string" ? message : ""))}`;
    const stack: unknown = this.#stacks ? error.stack : undefined;
    if (typeof stack === "string") text += `,"stack":${this.#take(stringify(stack))}`;
    if (hasOwn(error, "cause")) text += `,"cause":${this.write(error.cause, below(place, "cause"))}`;
    return `${text}}`;
  }

  #special(place: Place | undefined, problem: string, text: string): string {
    if (this.#json) throw refuse(place, `${problem}, which JSON cannot hold`);
    return this.#take(text);
  }

  #take(text: string): string {
    this.#length += text.length;
    if (this.#length > this.#maxBytes) throw this.#tooLarge();
    return text;
  }

  #tooLarge(): ValueTooLargeError {
    return new ValueTooLargeError(`The value is larger than ${this.#maxBytes} bytes`);
  }
}

/** The `toJSON` by which an object says what it is to be written as. Not that of a Date, which keeps its type. */
function toJSON(value: object): (() => unknown) | undefined {
  const prototype = getPrototypeOf(value);
  const plain = prototype === null || prototype === primordials.ObjectPrototype;
  if (isArray(value) || isPromise(value) || (plain && !hasOwn(value, "toJSON"))) return undefined;
  const { toJSON: method } = value as { toJSON?: unknown };
  return typeof method === "function" && kindOf(value) === undefined ? (method as () => unknown) : undefined;
}

function below(parent: Place | undefined, key: string | number): Place {
  return { key, parent, depth: (parent?.depth ?? 0) + 1 };
}

/** A prototype that is an Object.prototype, of another realm too. */
function isPlain(prototype: object): boolean {
  return getPrototypeOf(prototype) === null && hasOwn(prototype, "hasOwnProperty");
}

const probes: readonly (readonly [kind: string, brandCheck: (value: object) => unknown])[] = [
  ["Date", primordials.dateGetTime],
  ["Map", primordials.mapSize],
  ["Set", primordials.setSize],
  ["RegExp", primordials.regExpSource],
  ["ArrayBuffer", primordials.bufferByteLength],
  ["DataView", primordials.dataViewByteLength],
];

/** Which built-in `value` is by its internal slots, whatever its prototype says. */
function kindOf(value: object): string | undefined {
  const view = primordials.typedArrayTag(value);
  if (view !== undefined) return view;
  if (isError(value)) return "Error";
  if (isPromise(value)) return "Promise";
  for (let index = 0; index < probes.length; index++) {
    const probe = probes[index] as (typeof probes)[number];
    try {
      probe[1](value);
      return probe[0];
    } catch {
      // Not of this kind: a brand check has no other way to say so.
    }
  }
  return undefined;
}

const isNodeBuffer = (globalThis as { Buffer?: typeof Buffer }).Buffer?.isBuffer ?? (() => false);

function describeInstance(value: object): string {
  let name = "";
  try {
    const { constructor } = value;
    if (typeof constructor === "function" && typeof constructor.name === "string") ({ name } = constructor);
  } catch {
    // A hostile getter: the name is only a help.
  }
  return `is an object of class ${name || "(unnamed)"} that would become {}`;
}

function refuse(place: Place | undefined, problem: string): UnserializableError {
  let path = "";
  for (let at = place; at !== undefined; at = at.parent) {
    const { key } = at;
    if (typeof key === "number") path = `[${primordials.String(key)}]${path}`;
    else path = `${primordials.regExpExec(identifier, key) !== null ? `.${key}` : `[${stringify(key)}]`}${path}`;
  }
  return new UnserializableError(path, problem);
}
