// A program shares its realm with the harness: whatever it does to the language, its result is its own, and right.
import { afterAll, expect, test } from "vitest";
import { manifestOf, WorkerPeer } from "./worker-peer.ts";

const tools = {
  echo: (input: unknown) => input,
  fail: () => {
    throw new Error("no");
  },
};
const schema = { type: "object", properties: { a: { type: "number" } }, required: ["a"] };
const worker = new WorkerPeer();
afterAll(() => worker[Symbol.asyncDispose]());

/** What every way of poisoning is asked to leave alone: calls, failures, discovery, console, output, timers, values. */
const body = `
  let failed, unknown;
  const one = await tools.echo({ a: [1, "x", null, { b: 2n }] });
  try { await tools.fail({ a: 1 }) } catch (error) { failed = error.message }
  try { await tools.ecko({}) } catch (error) { unknown = error.message }
  console.log({ a: 1 });
  text("shown");
  setTimeout(() => 1, 1);
  return { one, failed, unknown, big: 1n, date: epoch };`;

const value = {
  one: { a: [1, "x", null, { b: 2n }] },
  failed: "no",
  unknown: expect.stringMatching(/^There is no tool "ecko"; did you mean tools\.echo/),
  big: 1n,
  date: new Date(0),
};

const targets =
  `Promise JSON Object Array Map Set WeakMap WeakSet Error TypeError RangeError Symbol String Number BigInt Boolean
  RegExp Function Reflect Proxy Date Math ArrayBuffer Uint8Array Intl Iterator`.split(/\s+/);

const ways: Record<string, string> = {
  "every method throws": "() => { throw new Error('poison') }",
  "every method returns an object": "() => ({ poison: true })",
  "every method returns undefined": "() => undefined",
};

const replace = (target: string, method: string): string => `
  const epoch = new Date(0), { ownKeys, defineProperty, getOwnPropertyDescriptor } = Reflect, poison = ${method};
  const holders = [${target}, ${target}.prototype];
  for (let h = 0; h < holders.length; h++) {
    const holder = holders[h];
    if (holder === undefined || holder === null) continue;
    const keys = ownKeys(holder);
    for (let i = 0; i < keys.length; i++) {
      const found = getOwnPropertyDescriptor(holder, keys[i]);
      if (!found.configurable && !found.writable) continue;
      if (typeof found.value === "function" && keys[i] !== "constructor") {
        try { holder[keys[i]] = poison } catch {}
      }
    }
  }`;

const everyTarget = targets.flatMap((target) =>
  Object.entries(ways).map(([way, method]) => [`${target}: ${way}`, replace(target, method)] as const),
);

const others: readonly (readonly [what: string, code: string])[] = [
  [
    "everything is frozen",
    `const epoch = new Date(0), seenAll = new Set(), { ownKeys, getOwnPropertyDescriptor } = Reflect;
     const freeze = (o) => { if ((typeof o !== "object" && typeof o !== "function") || o === null || seenAll.has(o)) return;
       seenAll.add(o); for (const k of ownKeys(o)) { const d = getOwnPropertyDescriptor(o, k); freeze(d.value); freeze(d.get); }
       try { Object.freeze(o) } catch {} freeze(Reflect.getPrototypeOf(o)); };
     freeze(Object); for (const k of ownKeys(globalThis)) { try { freeze(globalThis[k]) } catch {} }`,
  ],
  [
    "getters stand on Object.prototype",
    `const epoch = new Date(0);
     for (const key of ["value", "get", "set", "writable", "type", "name", "message", "stack", "seq", "mode", "maxBytes", "maxDepth",
       "stacks", "limits", "tools", "agents", "input", "output", "kind", "resolve", "reject", "toJSON", "hint", "signature", "cause",
       "component", "code", "retryable", "search", "describe", "index", "depth", "parent", "key"])
       Object.defineProperty(Object.prototype, key, { __proto__: null, configurable: true, get() { throw new Error("poison") }, set() { throw new Error("poison") } });`,
  ],
  [
    "setters stand on Array.prototype",
    `const epoch = new Date(0);
     for (const key of ["0", "1", "2", "3"])
       Object.defineProperty(Array.prototype, key, { __proto__: null, configurable: true, get() { return "poison" }, set() { throw new Error("poison") } });`,
  ],
  [
    "the iterator protocols lie",
    `const epoch = new Date(0), lie = function* () { yield "poison" };
     Array.prototype[Symbol.iterator] = lie; Map.prototype[Symbol.iterator] = lie; Set.prototype[Symbol.iterator] = lie;
     String.prototype[Symbol.iterator] = lie; Object.prototype[Symbol.iterator] = lie;
     Object.getPrototypeOf([][Symbol.iterator].call([])).next = () => ({ done: false, value: "poison" });`,
  ],
  [
    "species and toPrimitive lie",
    `const epoch = new Date(0);
     for (const C of [Promise, Array, Map, Set, RegExp, ArrayBuffer])
       Object.defineProperty(C, Symbol.species, { configurable: true, get() { throw new Error("poison") } });
     Object.prototype[Symbol.toPrimitive] = () => "poison"; Object.prototype[Symbol.toStringTag] = "poison";`,
  ],
  [
    "promises are not what they seem",
    `const epoch = new Date(0);
     Promise.prototype.then = function () { throw new Error("poison") };`,
  ],
  [
    "the globals are gone",
    "const epoch = new Date(0); for (const k of Object.getOwnPropertyNames(globalThis)) { try { if (k !== 'setTimeout') delete globalThis[k] } catch {} }",
  ],
];

test.for([...everyTarget, ...others])("a result is right although %s", async ([, code]) => {
  const manifest = manifestOf(tools, { fail: schema });
  expect((await worker.run(code + body, tools, { manifest })).error).toBeUndefined();
  expect((await worker.run(code + body, tools, { manifest })).value).toEqual(value);
});
