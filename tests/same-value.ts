/**
 * Where two values differ, as a path and what is there; undefined when they are equal in all that `structuredClone`
 * keeps: types, -0, NaN, holes, order, lone surrogates, prototypes, and which references are the same object.
 */
export function difference(left: unknown, right: unknown): string | undefined {
  return new Comparison().differ(left, right, "value");
}

/** Empties the stacks in `value`: they name other files in another realm, and those of the app do not cross. */
export function withoutStacks(value: unknown, seen = new Set<object>()): unknown {
  if (typeof value !== "object" || value === null || seen.has(value) || ArrayBuffer.isView(value)) return value;
  seen.add(value);
  if (Error.isError(value)) Object.defineProperty(value, "stack", { value: "" });
  const inside = value instanceof Map || value instanceof Set ? [...value.entries()].flat() : [];
  const { cause } = value as Error;
  for (const part of [...Object.values(value), ...inside, cause]) withoutStacks(part, seen);
  return value;
}

const ERROR_PARTS = ["cause", "errors", "error", "suppressed"];

class Comparison {
  readonly #pairs = new Map<object, object>();
  readonly #taken = new Set<object>();

  differ(left: unknown, right: unknown, path: string): string | undefined {
    if (!isObject(left) || !isObject(right)) {
      return Object.is(left, right) ? undefined : `${path}: ${show(left)} and ${show(right)}`;
    }
    const partner = this.#pairs.get(left);
    if (partner) return partner === right ? undefined : `${path}: another object than before`;
    if (this.#taken.has(right)) return `${path}: one object for two`;
    this.#pairs.set(left, right);
    this.#taken.add(right);
    const [tag, other] = [tagOf(left), tagOf(right)];
    if (tag !== other) return `${path}: ${tag} and ${other}`;
    return this.#parts(left, right, path) ?? this.#properties(left, right, path);
  }

  #parts(left: object, right: object, path: string): string | undefined {
    if (left instanceof Map || left instanceof Set) {
      return this.differ([...left], [...(right as Set<unknown>)], `${path}.entries`);
    }
    if (left instanceof ArrayBuffer) {
      return Buffer.from(left).equals(Buffer.from(right as ArrayBuffer)) ? undefined : `${path}: other bytes`;
    }
    if (ArrayBuffer.isView(left)) {
      const view = right as DataView;
      const [from, to] = [left.byteOffset, view.byteOffset];
      if (from !== to || left.byteLength !== view.byteLength) return `${path}: another part of the buffer`;
      return this.differ(left.buffer, view.buffer, `${path}.buffer`);
    }
    if (Error.isError(left)) {
      const other = right as Error;
      for (const text of ["name", "message", "stack"] as const) {
        if (left[text] !== other[text]) return `${path}.${text}: ${show(left[text])} and ${show(other[text])}`;
      }
      for (const part of ERROR_PARTS) {
        if (Object.hasOwn(left, part) !== Object.hasOwn(right, part)) return `${path}.${part} on one side`;
        const problem = this.differ(Reflect.get(left, part), Reflect.get(right, part), `${path}.${part}`);
        if (problem !== undefined) return problem;
      }
    }
    const [text, other] = [primitiveOf(left), primitiveOf(right)];
    return Object.is(text, other) ? undefined : `${path}: ${show(text)} and ${show(other)}`;
  }

  #properties(left: object, right: object, path: string): string | undefined {
    if (Error.isError(left) || ArrayBuffer.isView(left) || tagOf(left) === "String") return undefined;
    if (Array.isArray(left) && left.length !== (right as unknown[]).length) return `${path}: another length`;
    const keys = Object.keys(left);
    if (keys.join("\0") !== Object.keys(right).join("\0"))
      return `${path}: keys ${show(keys)}, ${show(Object.keys(right))}`;
    for (const key of keys) {
      const own = Object.getOwnPropertyDescriptor(right, key);
      if (!own?.writable || !own.configurable) return `${path}.${key}: not an ordinary property`;
      const problem = this.differ(Object.getOwnPropertyDescriptor(left, key)?.value, own.value, `${path}.${key}`);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }
}

/** What a plain object, or one of null prototype, crosses as is the same: a plain object. */
function tagOf(value: object): string {
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null ? "Object" : (prototype.constructor as { name: string }).name;
}

function primitiveOf(value: object): unknown {
  if (value instanceof Date) return value.getTime();
  if (value instanceof RegExp) return `${String(value)} ${value.lastIndex}`;
  if (value instanceof URL) return value.href;
  const boxed = [Number, String, Boolean, BigInt].some((Box) => value instanceof Box);
  return boxed ? value.valueOf() : undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function show(value: unknown): string {
  return typeof value === "bigint"
    ? `${value}n`
    : Object.is(value, -0)
      ? "-0"
      : (JSON.stringify(value) ?? String(value));
}
