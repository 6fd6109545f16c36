import { hide, isError, primordials } from "@codemode/proto/values";
import { copyDOMException } from "./dom-exception.ts";
import { describe, mustBeCloneable, refusal, tagOf } from "./uncloneable.ts";
import { toDictionary } from "./web-idl.ts";

const { mapGet, mapSet, mapHas, hasOwn, getPrototypeOf, isArray, typedArrayTag } = primordials;

// Taken here because programs do not have them: `transfer` could also make a buffer resizable.
const { get: detachedGetter } = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, "detached") ?? {};
const { transfer } = ArrayBuffer.prototype;
const isDetached = (buffer: object): boolean => primordials.apply(detachedGetter as () => boolean, buffer, []);

type ViewConstructor = new (buffer: ArrayBuffer, offset: number, length: number) => object;

const views = [Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array];
const wideViews = [Float32Array, Float64Array, BigInt64Array, BigUint64Array];
const viewOf = Object.fromEntries([...views, ...wideViews].map((view) => [view.name, view])) as unknown as Readonly<
  Record<string, ViewConstructor>
>;
const errors = [EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError];
const errorOf = Object.fromEntries(errors.map((error) => [error.name, error]));

/** How to copy what has an internal slot; the first that does not throw has found its kind. */
const slots: readonly ((value: object) => object)[] = [
  (value) => new primordials.Date(primordials.dateGetTime(value)),
  (value) => new primordials.RegExp(primordials.regExpSource(value), primordials.regExpFlags(value)),
  ...[Boolean, Number, String, BigInt].map((kind) => {
    const { valueOf } = kind.prototype as { valueOf: () => unknown };
    return (value: object) => Object(primordials.apply(valueOf, value, [])) as object;
  }),
];

export const { structuredClone } = {
  structuredClone(value: unknown, ...[options]: unknown[]): unknown {
    if (arguments.length === 0) throw new TypeError("structuredClone needs a value");
    const { transfer: given = [] } = toDictionary(options) as { transfer?: Iterable<unknown> };
    const transferred = [...given];
    for (const [index, item] of transferred.entries()) {
      if (!isBuffer(item) || transferred.indexOf(item) !== index) throw refusal("A value", "transferred");
      if (isDetached(item)) throw refusal("A detached ArrayBuffer", "transferred");
    }
    const copy = new Cloner().clone(value);
    // Only now, when nothing can fail any more. That the bytes were copied and not moved, no program can tell.
    for (const buffer of transferred) primordials.apply(transfer, buffer, []);
    return copy;
  },
};

/** One call: HTML §2.7, with what V8 adds to it for errors. */
class Cloner {
  readonly #copies: object = new primordials.Map();

  readonly clone = (value: unknown): unknown => {
    if (typeof value === "function" || typeof value === "symbol") throw refusal(describe(value));
    if (typeof value !== "object" || value === null) return value;
    return mapHas(this.#copies, value) ? mapGet(this.#copies, value) : this.#object(value);
  };

  #keep<Copy extends object>(value: object, copy: Copy): Copy {
    mapSet(this.#copies, value, copy);
    return copy;
  }

  #object(value: object): object {
    if (isArray(value)) {
      const copy: unknown[] = [];
      copy.length = value.length;
      return this.#properties(value, this.#keep(value, copy));
    }
    if (getPrototypeOf(value) === primordials.ObjectPrototype) return this.#properties(value, this.#keep(value, {}));
    if (ArrayBuffer.isView(value)) return this.#view(value);
    if (isError(value)) return this.#error(value);
    if (isBuffer(value)) return this.#keep(value, copyBuffer(value));
    const size = attempt(() => primordials.mapSize(value)) ?? attempt(() => primordials.setSize(value));
    if (size !== undefined) return this.#collection(value);
    // Where no tag hides it, this tells the slots of most of these kinds: a throw for each would cost objects of classes dearly.
    const ordinary = !(Symbol.toStringTag in value) && tagOf(value) === "[object Object]";
    for (const copyOf of ordinary ? [] : slots) {
      const copy = attempt(() => copyOf(value));
      if (copy) return this.#keep(value, copy);
    }
    mustBeCloneable(value);
    if (attempt(() => primordials.symbolToString(value)) !== undefined) throw refusal(describe(value));
    return this.#properties(value, this.#keep(value, {}));
  }

  #properties<Copy extends object>(value: object, copy: Copy): Copy {
    for (const key of primordials.keys(value)) {
      // One that a getter has taken away meanwhile is left out.
      if (!hasOwn(value, key)) continue;
      const item = this.clone((value as Record<string, unknown>)[key]);
      Object.defineProperty(copy, key, { value: item, writable: true, enumerable: true, configurable: true });
    }
    return copy;
  }

  #collection(value: object): object {
    const entries: [unknown, unknown][] = [];
    if (attempt(() => primordials.mapSize(value)) === undefined) {
      const copy = this.#keep(value, new primordials.Set());
      primordials.setForEach(value, (item) => entries.push([item, item]));
      for (const [item] of entries) primordials.setAdd(copy, this.clone(item));
      return copy;
    }
    const copy = this.#keep(value, new primordials.Map());
    primordials.mapForEach(value, (item, key) => entries.push([key, item]));
    for (const [key, item] of entries) primordials.mapSet(copy, this.clone(key), this.clone(item));
    return copy;
  }

  #view(value: ArrayBufferView): object {
    const tag = typedArrayTag(value);
    const source = tag === undefined ? primordials.dataViewBuffer(value) : primordials.typedArrayBuffer(value);
    const buffer = this.clone(source) as ArrayBuffer;
    if (tag === undefined) {
      const [offset, length] = [primordials.dataViewByteOffset(value), primordials.dataViewByteLength(value)];
      return this.#keep(value, new DataView(buffer, offset, length));
    }
    const View = viewOf[tag] as ViewConstructor;
    const [offset, length] = [primordials.typedArrayByteOffset(value), primordials.typedArrayLength(value)];
    return this.#keep(value, new View(buffer, offset, length));
  }

  #error(value: Error): Error {
    const exception = copyDOMException(value);
    if (exception) return this.#keep(value, exception);
    const { name, stack } = value as { name: unknown; stack: unknown };
    const Kind = hasOwn(errorOf, String(name)) ? errorOf[String(name)] : undefined;
    const copy = this.#keep(value, new (Kind ?? primordials.Error)());
    const message = Object.getOwnPropertyDescriptor(value, "message");
    if (message && "value" in message) hide(copy, "message", String(message.value));
    hide(copy, "stack", typeof stack === "string" ? stack : undefined);
    if (hasOwn(value, "cause")) hide(copy, "cause", this.clone(value.cause));
    return copy;
  }
}

function isBuffer(value: unknown): value is ArrayBuffer {
  return attempt(() => primordials.bufferByteLength(value)) !== undefined;
}

function copyBuffer(buffer: ArrayBuffer): ArrayBuffer {
  if (isDetached(buffer)) throw refusal("A detached ArrayBuffer");
  return new primordials.Uint8Array(new primordials.Uint8Array(buffer)).buffer;
}

/** What `probe` returns, or undefined when it throws: a brand check has no other way to say no. */
function attempt<Result>(probe: () => Result): Result | undefined {
  try {
    return probe();
  } catch {
    return undefined;
  }
}
