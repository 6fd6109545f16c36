import {
  decode,
  encode,
  MalformedValueError,
  UnserializableError,
  utf8Length,
  ValueTooLargeError,
} from "@codemode/proto/values";
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

test("a URL, boxed primitives and half floats cross as they are", () => {
  const [url, again, boxed, text] = decode(encode([new URL("http://a/b?c"), Object(-0), Object(1n), Object("x")])) as [
    URL,
    number,
    bigint,
    string,
  ];
  expect(url).toBeInstanceOf(URL);
  expect(url.href).toBe("http://a/b?c");
  expect([again, boxed, text].map((box) => [typeof box, box.valueOf()])).toEqual([
    ["object", -0],
    ["object", 1n],
    ["object", "x"],
  ]);
  const halves = Reflect.construct(Reflect.get(globalThis, "Float16Array") as Function, [[1.5, -0]]) as object;
  same(halves);
});

test("the errors of an error cross with it", () => {
  class Both extends AggregateError {
    override readonly name = "Both";
  }
  const [all, both, dropped] = decode(
    encode([new AggregateError([1, new RangeError("x")], "all"), new Both([2]), new SuppressedError(3, 4, "s")]),
  ) as [AggregateError, AggregateError, SuppressedError];
  expect(all).toBeInstanceOf(AggregateError);
  expect(all.errors).toEqual([1, new RangeError("x")]);
  expect([both.name, both.errors]).toEqual(["Both", [2]]);
  expect(dropped).toBeInstanceOf(SuppressedError);
  expect([dropped.error, dropped.suppressed]).toEqual([3, 4]);
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
  const view = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  expect(encode(view).length).toBeLessThan(120);
  expect(decode(encode([view, view]))).toEqual([view, view]);
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
  expect(problem([1, undefined], "json")).toBe("value[1] is undefined, which JSON cannot hold");
  // oxlint-disable-next-line no-sparse-arrays -- a hole is what is tested
  expect(problem([1, ,], "json")).toBe("value[1] is a hole, which JSON cannot hold");
  expect(problem(-0, "json")).toBe("-0");
  expect(problem([Object(1)], "json")).toBe("value[0] is a boxed primitive, which JSON cannot hold");
  expect(problem({ at: new URL("http://a") }, "json")).toBe("value.at is a URL, which JSON cannot hold");
  expect(problem([1].values())).toBe("value is an object of class Array Iterator that would become {}");
  expect(problem(2n ** 4_000_000n)).toBe("value is a BigInt of more than 1000000 digits");
  expect(problem([/\p{L}/u, new RegExp("x".repeat(70_000))])).toBe("value[1] is a RegExp too many, or too long");
  const buffer = new ArrayBuffer(8);
  const view = new Uint8Array(buffer);
  buffer.transfer();
  expect(problem({ view })).toBe("value.view.buffer is an ArrayBuffer that was transferred away");
});

test("an object of a class crosses as its toJSON says, or as its own properties", () => {
  const point = new (class Point {
    x = 1;
  })();
  const money = new (class Money {
    toJSON = (key: string) => `${key} EUR`;
  })();
  const once = { toJSON: () => ({ toJSON: 1 }) };
  expect(decode(encode([point, money, { toJSON: () => point }, point, once]))).toEqual([
    { x: 1 },
    "1 EUR",
    { x: 1 },
    { x: 1 },
    { toJSON: 1 },
  ]);
});

test("a proxy crosses as what it shows; one that shows nothing is refused, and what it stands for is not", () => {
  same([new Proxy({ a: 1 }, {}), new Proxy([1, 2], {})]);
  expect(() => encode(new Proxy(new Map([[1, 2]]), {}))).toThrow(
    "value is an object of class Map that would become {}",
  );
  same(new Map([[1, 2]]));
  const forger = new Proxy(
    { $type: "Date", value: 3 },
    {
      getOwnPropertyDescriptor: (target, key) =>
        key === "$type"
          ? { value: "Date", enumerable: true, configurable: true }
          : Reflect.getOwnPropertyDescriptor(target, key),
      has: () => false,
    },
  );
  expect(decode(encode(forger))).toEqual({ $type: "Date", value: 3 });
});

test("depth and length are bounded on both sides", () => {
  const nest = (levels: number): unknown => Array.from({ length: levels }).reduce((inner) => [inner], 1 as unknown);
  same(nest(100));
  expect(() => encode(nest(101))).toThrow(UnserializableError);
  const maps = (levels: number): unknown =>
    Array.from({ length: levels }).reduce((inner) => new Map([[0, { $type: inner }]]), 1 as unknown);
  same(maps(50)); // three levels of text for each
  expect(() => encode(maps(51))).toThrow(UnserializableError);
  expect(() => encode(Object.assign([], { 4294967294: 1 }), { maxBytes: 1e6 })).toThrow(ValueTooLargeError);
  expect(() => encode({ a: new Uint8Array(1e6) }, { maxBytes: 1e6 })).toThrow(ValueTooLargeError);
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
  const texts = [
    "",
    "{",
    "undefined",
    '{"$type":1}',
    '{"$type":"Date","value":{}}',
    '{"$type":"Date","value":"2020"}',
    '{"$type":"bigint","value":"0x1"}',
    '{"$type":"bigint","value":""}',
    '{"$type":"Boxed","value":{}}',
    '{"$type":"URL","value":"x"}',
    '{"$type":"Uint8Array","buffer":[],"offset":0,"length":0}',
  ];
  for (const text of texts) {
    expect(() => decode(text)).toThrow(MalformedValueError);
  }
});

test("long text is the JSON that it would be short, whatever is in it", () => {
  const long = "x".repeat(5_000);
  const units = Array.from({ length: 0x120 }, (_, code) => String.fromCharCode(code));
  for (const unit of [...units, "\u2028", "\ud800", "\udc00", "\u{1f600}", "\uffff"]) {
    const text = `${long}${unit}${long}`;
    expect(encode(text)).toBe(JSON.stringify(text));
    expect(encode({ [text]: text })).toBe(JSON.stringify({ [text]: text }));
    expect(utf8Length(text)).toBe(Buffer.byteLength(text));
  }
});
