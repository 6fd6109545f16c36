import { decode, encode, MalformedValueError, UnserializableError, ValueTooLargeError } from "@codemode/proto/values";
import { expect, test } from "vitest";

const same = (value: unknown): void => expect(decode(encode(value))).toStrictEqual(value);

test("every type crosses as it is", () => {
  same({ a: 1, b: [true, null, "x\u2028\ud800", -0, NaN, Infinity, -Infinity, 12n ** 30n, undefined] });
  same([new Date(5), new Date(NaN), /a\/b/gi, new Map<unknown, unknown>([[{ k: 1 }, new Set([1, "a"])]])]);
  same([new Uint8Array([1, 2, 255]), new BigInt64Array([-1n]), new Float64Array([0.1]), new ArrayBuffer(3)]);
  same(Array.from({ length: 3 }));
  // oxlint-disable-next-line no-sparse-arrays -- a hole is what is tested
  same([1, , 3]);
});

test("cycles and shared references stay what they are", () => {
  const shared = { n: 1 };
  const value: Record<string, unknown> = { a: shared, b: [shared], map: new Map([[shared, shared]]) };
  value["self"] = value;
  const copy = decode(encode(value)) as typeof value;
  expect(copy["self"]).toBe(copy);
  expect((copy["b"] as unknown[])[0]).toBe(copy["a"]);
  const buffer = new ArrayBuffer(8);
  const [bytes, view] = decode(encode([new Uint8Array(buffer), new DataView(buffer, 2, 4)])) as [Uint8Array, DataView];
  expect(view.buffer).toBe(bytes.buffer);
  expect([view.byteOffset, view.byteLength]).toEqual([2, 4]);
});

test("errors keep name, message and cause, and no stack of the app", () => {
  const error = new RangeError("too far", { cause: { code: 7 } });
  const copy = decode(encode(error)) as RangeError;
  expect(copy).toBeInstanceOf(RangeError);
  expect(copy).toMatchObject({
    name: "RangeError",
    message: "too far",
    cause: { code: 7 },
    stack: "RangeError: too far",
  });
  expect(encode(error)).not.toContain("values.test");
});

test("an object that looks like a type is still that object, and __proto__ stays a key", () => {
  same({ $type: "Date", value: 3 });
  same([{ $type: "Ref", id: 0 }]);
  const copy = decode('{"__proto__":{"polluted":1},"x":{"$type":"undefined"}}') as object;
  expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
  expect(Object.hasOwn(copy, "__proto__")).toBe(true);
});

test("a Buffer crosses without the pool it lies in", () => {
  const bytes = Buffer.from("hi");
  expect(encode(bytes).length).toBeLessThan(120);
  expect(Buffer.from(decode(encode(bytes)) as Uint8Array).toString()).toBe("hi");
});

test("what would be lost is an error that names the place", () => {
  const problem = (value: unknown, mode: "exact" | "json" = "exact"): string => {
    try {
      return encode(value, { mode });
    } catch (error) {
      expect(error).toBeInstanceOf(UnserializableError);
      return (error as Error).message;
    }
  };
  expect(problem({ users: [{}, { save() {} }] })).toBe("value.users[1].save is a function");
  expect(problem({ "a b": Symbol("x") })).toBe('value["a b"] is a symbol');
  expect(problem([Promise.resolve(1)])).toBe("value[0] is a promise; is `await` missing?");
  expect(problem(new WeakMap())).toBe("value is an object of class WeakMap that would become {}");
  expect(problem({ when: new Date(0) }, "json")).toBe("value.when is a Date, which JSON cannot hold");
  expect(problem(NaN, "json")).toBe("value is NaN, which JSON cannot hold");
  expect(problem({ a: undefined, b: 1 }, "json")).toBe('{"b":1}');
});

test("an object of a class crosses as its toJSON says, or as its own properties", () => {
  const point = new (class Point {
    x = 1;
  })();
  expect(decode(encode([point, new URL("http://a/b"), { toJSON: () => point }, point]))).toEqual([
    { x: 1 },
    "http://a/b",
    { x: 1 },
    { x: 1 },
  ]);
});

test("depth and length are bounded on both sides", () => {
  const nest = (levels: number): unknown => Array.from({ length: levels }).reduce((inner) => [inner], 1 as unknown);
  same(nest(100));
  expect(() => encode(nest(101))).toThrow(UnserializableError);
  expect(encode("x".repeat(98), { maxBytes: 100 })).toHaveLength(100);
  expect(() => encode("x".repeat(99), { maxBytes: 100 })).toThrow(ValueTooLargeError);
  expect(() => decode("[".repeat(1e6))).toThrow(MalformedValueError);
});

test("what is no encoded value is refused with one kind of error", () => {
  const types = [
    "Date",
    "Map",
    "Set",
    "RegExp",
    "Error",
    "ArrayBuffer",
    "Uint8Array",
    "bigint",
    "number",
    "Ref",
    "Object",
    "Nonsense",
    "__proto__",
  ];
  for (const type of types)
    expect(() => decode(JSON.stringify({ $type: type, value: 1 }))).toThrow(MalformedValueError);
  for (const text of ["", "{", "undefined", '{"$type":1}', '{"$type":"Date","value":{}}']) {
    expect(() => decode(text)).toThrow(MalformedValueError);
  }
});
