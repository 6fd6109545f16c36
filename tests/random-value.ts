import { type Arbitrary, uint32Array } from "fast-check";

/** Tapes for {@link randomValue}. Words, because each draw of fast-check's has its price. */
export function tapes(words: number): Arbitrary<Uint8Array> {
  return uint32Array({ maxLength: words, size: "max" }).map((tape) => new Uint8Array(tape.buffer));
}

/**
 * A value as the numbers of `tape` choose it: a shorter tape, or smaller numbers, make a simpler one, so that a
 * counterexample shrinks. It uses nothing from outside, because its text also runs inside an isolate.
 *
 * `onlyCloneable` leaves out what `structuredClone` refuses or changes.
 */
export function randomValue(tape: ArrayLike<number>, onlyCloneable: boolean): unknown {
  let at = 0;
  const next = (): number => tape[at++] ?? 0;
  const one = <T>(list: readonly T[]): T => list[next() % list.length] as T;
  const times = (most: number): number[] => Array.from({ length: next() % (most + 1) }, (_, index) => index);
  const made: object[] = [];
  const keep = <T extends object>(object: T): T => {
    made.push(object);
    return object;
  };
  const raw = (): number => {
    const view = new DataView(new ArrayBuffer(8));
    for (let index = 0; index < 8; index++) view.setUint8(index, next());
    return view.getFloat64(0);
  };

  const numbers = [
    0,
    1,
    -0,
    NaN,
    Infinity,
    -Infinity,
    -1,
    0.1,
    1e21,
    5e-324,
    1.7976931348623157e308,
    2 ** 53,
    -(2 ** 31),
  ];
  const bigints = [0n, -1n, 2n ** 64n, -(2n ** 64n), 10n ** 40n, 2n ** 53n + 1n];
  const strings = [
    "",
    "a",
    "$type",
    "Ref",
    "\ud800",
    "\udc00\ud800",
    "\u2028\u2029",
    '"\\\n\0',
    "é€😀",
    "__proto__",
    "undefined",
  ];
  const keys = [
    "a",
    "b",
    "$type",
    "__proto__",
    "constructor",
    "0",
    "7",
    "-1",
    "",
    "value",
    "id",
    "length",
    "toJSON",
    "\ud800",
    "é",
  ];
  const text = (): string => (next() < 128 ? one(strings) : String.fromCharCode(...times(6).map(() => next() * 257)));
  const primitives: readonly (() => unknown)[] = [
    () => null,
    () => next() % 2 === 0,
    () => one(numbers),
    () => undefined,
    text,
    () => one(bigints),
    raw,
    () => next() - 128,
  ];

  const views = [
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
  ];
  const buffer = (): ArrayBuffer => {
    const before = made.filter((object) => object instanceof ArrayBuffer);
    if (before.length > 0 && next() % 2 === 1) return one(before);
    const fresh = keep(new ArrayBuffer(8 * (next() % 4)));
    const bytes = new Uint8Array(fresh);
    for (let index = 0; index < bytes.length; index++) bytes[index] = next();
    return fresh;
  };
  const set = (target: object, key: PropertyKey, value: unknown, enumerable = true): void => {
    Object.defineProperty(target, key, { value, writable: true, enumerable, configurable: true });
  };
  const record = (depth: number, target: object): object => {
    keep(target);
    times(5).forEach(() => set(target, one(keys), value(depth)));
    return target;
  };
  const error = (depth: number): Error => {
    const classes = [Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError];
    const made = keep(new (one(classes))(text()));
    if (next() % 2 === 1) set(made, "cause", value(depth), next() % 2 === 0);
    if (onlyCloneable) return made;
    if (made.constructor === Error && next() % 4 === 1) set(made, "name", text(), false);
    return made;
  };
  const aggregate = (depth: number): Error => {
    const made = keep(new AggregateError([], text()));
    set(
      made,
      "errors",
      times(3).map(() => value(depth)),
      false,
    );
    keep(made.errors as unknown[]);
    return made;
  };

  const objects: readonly ((depth: number) => object)[] = [
    (depth) => record(depth, {}),
    (depth) => {
      const array = keep([] as unknown[]);
      times(5).forEach(() => (next() % 8 === 7 ? array.length++ : array.push(value(depth))));
      return array;
    },
    () => keep(new Date(next() < 16 ? NaN : Math.trunc((next() - 128) * 2 ** (next() % 46)))),
    (depth) => {
      const map = keep(new Map());
      times(4).forEach(() => map.set(value(depth), value(depth)));
      return map;
    },
    (depth) => {
      const set = keep(new Set());
      times(4).forEach(() => set.add(value(depth)));
      return set;
    },
    () =>
      keep(
        new RegExp(
          one(["", "a/b", "\\n", "(?<x>[^\\]])+", "\\p{L}", "\ud83d\ude00", "\n"]),
          one(["", "g", "iu", "dgimsuy", "v"]),
        ),
      ),
    error,
    () => buffer(),
    () => {
      const bytes = buffer();
      const View = one(views) as typeof Uint8Array;
      const offset = bytes.byteLength === 0 ? 0 : 8 * (next() % (bytes.byteLength / 8));
      const room = (bytes.byteLength - offset) / ((View.BYTES_PER_ELEMENT as number | undefined) ?? 1);
      return keep(new View(bytes, offset, next() % (room + 1)));
    },
    () => keep(Object(one(["x", 0, -0, NaN, false, true, 7n, ""])) as object),
    (depth) => record(depth, Object.create(null) as object),
    ...(onlyCloneable
      ? []
      : [aggregate, () => keep(new URL(one(["http://a/b?c=d#e", "mailto:x@y", "data:,é", "http://ü.example/%20 x"])))]),
  ];

  const value = (depth: number): unknown => {
    const kind = next();
    if (kind < 100 || depth > 6) return one(primitives)();
    if (kind < 130 && made.length > 0) return one(made); // shared, or a cycle
    return one(objects)(depth + 1);
  };
  const first = value(0);
  if (at >= tape.length) return first;
  const all = keep([first]);
  while (at < tape.length && all.length < 12) all.push(value(0));
  return all;
}
