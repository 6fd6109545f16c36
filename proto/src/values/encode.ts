import { toBase64 } from "./base64.ts";
import { ERROR_PARTS, ValueTooLargeError } from "./errors.ts";
import { describeInstance, isPlain, Kinds, liesInPool, unbox } from "./kinds.ts";
import { isHugeBigInt, MAX_BIGINT_DIGITS, MAX_DEPTH, MAX_OBJECTS, MAX_REGEXP_COST, regExpCost } from "./limits.ts";
import { below, type Place, refuse } from "./place.ts";
import { primordials } from "./primordials.ts";
import { hrefOf } from "./realm.ts";
import { Room } from "./room.ts";

/** How a value is to be written. */
export interface EncodeOptions {
  /**
   * "exact" keeps every type by `{"$type": …}` objects; "json" is JSON alone and refuses what it cannot hold.
   *
   * @defaultValue "exact"
   */
  readonly mode?: "exact" | "json";
  /**
   * Longest text, in bytes of UTF-8.
   *
   * @defaultValue what a string can hold, 256 Mi characters
   */
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

const { isArray, keys, hasOwn, is, stringify, getOwnPropertyDescriptor, getPrototypeOf } = primordials;
const { mapGet, mapSet, mapForEach, setForEach } = primordials;

/**
 * `value` as text that {@link decode} turns back into its equal: JSON, with `{"$type": …}` for what JSON cannot hold.
 *
 * Undefined, NaN, ±Infinity, -0, BigInt, Date, Map, Set, RegExp, Error, URL, ArrayBuffer, typed arrays, boxed
 * primitives, holes, cycles and shared references keep their type. An object of a class crosses as its `toJSON` says,
 * or as its own enumerable properties; an array as its elements. What an object has under symbols stays behind.
 *
 * JSON mode leaves out a property that is undefined, as JSON does; any other undefined is refused.
 *
 * @throws {@link UnserializableError} for functions, symbols, promises and objects that would silently become `{}`.
 * @throws {@link ValueTooLargeError} over `maxBytes`.
 */
export function encode(value: unknown, options: EncodeOptions = {}): string {
  const encoder = new Encoder(options);
  const text = encoder.write(value, undefined);
  encoder.room.mustHaveHeld(text);
  return text;
}

class Encoder {
  readonly room: Room;
  readonly #json: boolean;
  readonly #maxDepth: number;
  readonly #stacks: boolean;
  readonly #kinds = new Kinds();
  /** In exact mode the number of each object; in JSON mode -1 for those that are closed again. */
  readonly #seen: object = new primordials.Map();
  #count = 0;
  #regExpCost = 0;

  constructor(options: EncodeOptions) {
    // Own properties alone: what a program puts on Object.prototype is no option.
    this.#json = hasOwn(options, "mode") && options.mode === "json";
    this.room = new Room(hasOwn(options, "maxBytes") ? options.maxBytes : undefined);
    this.#maxDepth = (hasOwn(options, "maxDepth") ? options.maxDepth : undefined) ?? MAX_DEPTH;
    this.#stacks = hasOwn(options, "stacks") && options.stacks === true;
  }

  /** `isShown`: the value is what a `toJSON` gave, whose own is not asked for. */
  write(value: unknown, place: Place | undefined, isShown = false): string {
    switch (typeof value) {
      case "string":
        return this.room.takeString(value);
      case "boolean":
        return this.room.take(value ? "true" : "false");
      case "number":
        return this.room.take(this.#number(value, place));
      case "undefined":
        return this.#special(place, "is undefined", `{"$type":"undefined"}`);
      case "bigint":
        if (isHugeBigInt(value)) throw refuse(place, `is a BigInt of more than ${MAX_BIGINT_DIGITS} digits`);
        return this.#special(place, "is a BigInt", `{"$type":"bigint","value":"${primordials.bigintToString(value)}"}`);
      case "function":
        throw refuse(place, "is a function");
      case "symbol":
        throw refuse(place, "is a symbol");
      case "object":
        return value === null ? this.room.take("null") : this.#object(value, place, isShown);
    }
  }

  #number(value: number, place: Place | undefined): string {
    if (value - value === 0) {
      if (!is(value, -0)) return primordials.numberToString(value);
      return this.#json ? "-0" : `{"$type":"number","value":"-0"}`;
    }
    const text = primordials.String(value);
    if (this.#json) throw refuse(place, `is ${text}, which JSON cannot hold`);
    return `{"$type":"number","value":"${text}"}`;
  }

  #object(value: object, place: Place | undefined, isShown: boolean): string {
    if ((place?.depth ?? 0) >= this.#maxDepth) throw refuse(place, `is nested deeper than ${this.#maxDepth} levels`);
    const toJSON = isShown ? undefined : this.#toJSON(value);
    if (toJSON) {
      const shown: unknown = primordials.apply(toJSON, value, [
        place === undefined ? "" : primordials.String(place.key),
      ]);
      return this.write(shown, place, true);
    }
    const known = mapGet(this.#seen, value);
    if (known !== undefined && known !== -1) {
      if (this.#json) throw refuse(place, "refers back to what holds it, which JSON cannot hold");
      return this.room.take(`{"$type":"Ref","id":${known as number}}`);
    }
    if (this.#count >= MAX_OBJECTS) throw new ValueTooLargeError(`The value holds more than ${MAX_OBJECTS} objects`);
    mapSet(this.#seen, value, this.#count++);
    const text = isArray(value) ? this.#array(value, place) : this.#record(value, place);
    if (this.#json) mapSet(this.#seen, value, -1);
    return text;
  }

  /** The `toJSON` by which an object says what it is to be written as. Not that of a Date or a URL, which keep their type. */
  #toJSON(value: object): (() => unknown) | undefined {
    const prototype = getPrototypeOf(value);
    const plain = prototype === null || prototype === primordials.ObjectPrototype;
    if (isArray(value) || (plain && !hasOwn(value, "toJSON"))) return undefined;
    if (this.#kinds.of(value) !== undefined) return undefined;
    const { toJSON } = value as { toJSON?: unknown };
    return typeof toJSON === "function" ? (toJSON as () => unknown) : undefined;
  }

  #array(array: readonly unknown[], place: Place | undefined): string {
    const { length } = array;
    let text = this.room.take("[");
    for (let index = 0; index < length; index++) {
      if (index > 0) text += this.room.take(",");
      const at = below(place, index);
      if (hasOwn(array, index)) text += this.write(array[index], at);
      else text += this.#special(at, "is a hole", `{"$type":"hole"}`);
    }
    return text + this.room.take("]");
  }

  #record(value: object, place: Place | undefined): string {
    const prototype = getPrototypeOf(value);
    if (prototype !== primordials.ObjectPrototype && prototype !== null) {
      const kind = this.#kinds.of(value);
      if (kind !== undefined) return this.#builtIn(value, kind, place);
    }
    const names = keys(value);
    // What has a class and nothing to show would silently become {}.
    if (names.length === 0 && !isPlain(prototype)) throw refuse(place, describeInstance(value));
    if (!this.#json) {
      for (let index = 0; index < names.length; index++) {
        if (names[index] === "$type") return this.#escaped(value, names, place);
      }
    }
    let text = this.room.take("{");
    let isFirst = true;
    for (let index = 0; index < names.length; index++) {
      const key = names[index] as string;
      const item = (value as Record<string, unknown>)[key];
      if (this.#json && item === undefined) continue;
      text += `${this.room.take(isFirst ? "" : ",")}${this.room.takeString(key)}${this.room.take(":")}`;
      text += this.write(item, below(place, key));
      isFirst = false;
    }
    return text + this.room.take("}");
  }

  /** An object that has a `$type` of its own: its entries, so that no value can pass for a type. */
  #escaped(value: object, names: readonly string[], place: Place | undefined): string {
    let text = this.room.take(`{"$type":"Object","value":[`);
    for (let index = 0; index < names.length; index++) {
      const key = names[index] as string;
      text += `${this.room.take(index > 0 ? ",[" : "[")}${this.room.takeString(key)}${this.room.take(",")}`;
      text += this.write((value as Record<string, unknown>)[key], below(place, key)) + this.room.take("]");
    }
    return text + this.room.take("]}");
  }

  #builtIn(value: object, kind: string, place: Place | undefined): string {
    if (kind === "Promise") throw refuse(place, "is a promise; is `await` missing?");
    if (this.#json) {
      throw refuse(place, `is a ${kind === "Boxed" ? "boxed primitive" : kind}, which JSON cannot hold`);
    }
    switch (kind) {
      case "Date": {
        const time = primordials.dateGetTime(value);
        const text = time === time ? `"${primordials.dateToISOString(value)}"` : "null";
        return this.room.take(`{"$type":"Date","value":${text}}`);
      }
      case "RegExp":
        return this.#regExp(value, place);
      case "Map": {
        let text = "";
        let index = 0;
        mapForEach(value, (item, key) => {
          const at = below(place, index++);
          text += this.room.take(text === "" ? "[" : ",[") + this.write(key, at) + this.room.take(",");
          text += this.write(item, at) + this.room.take("]");
        });
        return `${this.room.take(`{"$type":"Map","value":[`)}${text}${this.room.take("]}")}`;
      }
      case "Set": {
        let text = "";
        let index = 0;
        setForEach(value, (item) => {
          text += this.room.take(text === "" ? "" : ",") + this.write(item, below(place, index++));
        });
        return `${this.room.take(`{"$type":"Set","value":[`)}${text}${this.room.take("]}")}`;
      }
      case "Error":
        return this.#error(value as Error, place);
      case "URL":
        return `${this.room.take(`{"$type":"URL","value":`)}${this.room.takeString(hrefOf(value))}${this.room.take("}")}`;
      case "Boxed":
        return `${this.room.take(`{"$type":"Boxed","value":`)}${this.write(unbox(value), place)}${this.room.take("}")}`;
      case "ArrayBuffer":
        return this.#buffer(value as ArrayBuffer, place);
      case "DataView": {
        const offset = primordials.dataViewByteOffset(value);
        const length = primordials.dataViewByteLength(value);
        return this.#view(value, kind, primordials.dataViewBuffer(value), offset, length, length, place);
      }
      default: {
        const offset = primordials.typedArrayByteOffset(value);
        const length = primordials.typedArrayLength(value);
        const bytes = primordials.typedArrayByteLength(value);
        return this.#view(value, kind, primordials.typedArrayBuffer(value), offset, length, bytes, place);
      }
    }
  }

  #regExp(value: object, place: Place | undefined): string {
    const source = primordials.regExpSource(value);
    this.#regExpCost += regExpCost(source);
    if (this.#regExpCost > MAX_REGEXP_COST) throw refuse(place, "is a RegExp too many, or too long");
    const text = `{"$type":"RegExp","source":${stringify(source)},"flags":"${primordials.regExpFlags(value)}"}`;
    return this.room.take(text);
  }

  #buffer(buffer: ArrayBuffer, place: Place | undefined): string {
    if (primordials.bufferDetached(buffer)) throw refuse(place, "is an ArrayBuffer that was transferred away");
    return this.#bytes(new primordials.Uint8Array(buffer));
  }

  #bytes(bytes: Uint8Array): string {
    this.room.mustHold((primordials.typedArrayLength(bytes) * 4) / 3);
    return this.room.take(`{"$type":"ArrayBuffer","base64":"${toBase64(bytes)}"}`);
  }

  #view(
    view: object,
    kind: string,
    buffer: ArrayBuffer,
    offset: number,
    length: number,
    bytes: number,
    place: Place | undefined,
  ): string {
    let text = this.room.take(`{"$type":"${kind}","buffer":`);
    if (liesInPool(buffer, view, bytes)) {
      this.#count++; // the buffer of its own that it crosses with
      text += `${this.#bytes(new primordials.Uint8Array(buffer, offset, bytes))},"offset":0`;
    } else text += `${this.write(buffer, below(place, "buffer"))},"offset":${offset}`;
    return text + this.room.take(`,"length":${length}}`);
  }

  #error(error: Error, place: Place | undefined): string {
    // Each read once, because it may be a getter; it may also be no text.
    const { name, message } = error as { name: unknown; message: unknown };
    let text = `${this.room.take(`{"$type":"Error","name":`)}${this.room.takeString(typeof name === "string" ? name : "Error")}`;
    text += `${this.room.take(`,"message":`)}${this.room.takeString(typeof message === "string" ? message : "")}`;
    const stack: unknown = this.#stacks ? error.stack : undefined;
    if (typeof stack === "string") text += `${this.room.take(`,"stack":`)}${this.room.takeString(stack)}`;
    for (let index = 0; index < ERROR_PARTS.length; index++) {
      const part = ERROR_PARTS[index] as (typeof ERROR_PARTS)[number];
      const own = getOwnPropertyDescriptor(error, part);
      if (own === undefined || (own.enumerable === true && part !== "cause")) continue;
      const item = (error as unknown as Record<string, unknown>)[part];
      text += `${this.room.take(`,"${part}":`)}${this.write(item, below(place, part))}`;
    }
    return text + this.room.take("}");
  }

  #special(place: Place | undefined, problem: string, text: string): string {
    if (this.#json) throw refuse(place, `${problem}, which JSON cannot hold`);
    return this.room.take(text);
  }
}
