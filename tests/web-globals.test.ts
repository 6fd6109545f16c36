import { describe, expect, test } from "vitest";
import { cases } from "./web-globals.cases.ts";
import { WorkerPeer } from "./worker-peer.ts";

/** What a program gets where Node is not what the standards say, and which standard it is. */
const differences: Readonly<Record<string, string>> = {
  // Web IDL: an operation is no constructor and counts its required arguments only.
  "[atob.name, btoa.name, 'prototype' in atob]": '["atob","btoa",false]',
  "new atob('')": "throws TypeError",
  "[structuredClone.length, structuredClone.name]": '[1,"structuredClone"]',
  "['atob', 'btoa', 'structuredClone'].map((n) => [n, typeof globalThis[n], globalThis[n].length])":
    '[["atob","function",1],["btoa","function",1],["structuredClone","function",1]]',
  // Web IDL: every member of an interface is enumerable.
  "Object.keys(AbortSignal.prototype).sort()": '["aborted","onabort","reason","throwIfAborted"]',
  // Web IDL: what is out of an [EnforceRange], or of another type than the argument's, is a TypeError.
  "AbortSignal.timeout(-1)": "throws TypeError",
  "AbortSignal.timeout(Infinity)": "throws TypeError",
  "crypto.getRandomValues([])": "throws TypeError",
  "crypto.getRandomValues(new ArrayBuffer(4))": "throws TypeError",
  // DOM 2.9: the dispatch ends by unsetting the flags, and an event that is being dispatched is an InvalidStateError.
  "const t = new EventTarget(), seen = []; t.addEventListener('x', (e) => { seen.push(1); e.stopImmediatePropagation() }); t.addEventListener('x', () => seen.push(2)); const e = new Event('x'); t.dispatchEvent(e); return [seen, e.cancelBubble]":
    "[[1],false]",
  "const t = new EventTarget(); const e = new Event('x'); let caught; t.addEventListener('x', () => { try { t.dispatchEvent(e) } catch (error) { caught = [error.name, error.code] } }); t.dispatchEvent(e); return caught":
    '["InvalidStateError",11]',
  // DOM 2.9: at the target too, those that capture come first.
  "const t = new EventTarget(), seen = []; t.addEventListener('x', () => seen.push('bubble')); t.addEventListener('x', () => seen.push('capture'), true); t.dispatchEvent(new Event('x')); return seen":
    '["capture","bubble"]',
  // DOM 3.2: the first abort gives the reason for good.
  "const a = new AbortController(), b = new AbortController(); const s = AbortSignal.any([a.signal, b.signal]); b.abort('b'); a.abort('a'); return [s.aborted, s.reason]":
    '[true,"b"]',
  // HTML 2.7: platform objects that are not serializable are refused. In Node some become {}.
  "structuredClone(new Event('x'))": "throws DOMException DataCloneError 25",
  "structuredClone(AbortSignal.abort())": "throws DOMException DataCloneError 25",
  // JavaScript cannot tell a proxy from its target.
  "structuredClone(new Proxy({ a: 1 }, {}))": "{a:1}",
};

// Runs on both sides: one line of text per program, of the value that it returns or the error that it throws.
const TELL = String.raw`
const kinds = [Int8Array, Uint8Array, Uint8ClampedArray, Uint16Array, BigInt64Array];
const tell = (value, depth = 0) => {
  if (depth > 9) return "…";
  const each = (items) => [...items].map((item) => tell(item, depth + 1)).join();
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return value + "n";
  if (typeof value === "symbol") return String(value);
  if (typeof value === "function") return "function";
  if (typeof value !== "object" || value === null) return Object.is(value, -0) ? "-0" : String(value);
  if (value instanceof URL) return "URL " + ["href", "origin", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "hash"].map((key) => value[key]).join(" ");
  if (value instanceof Error) return "Error " + value.name;
  if (value instanceof Date) return "Date " + value.getTime();
  if (value instanceof Map) return "Map {" + each([...value].flat()) + "}";
  if (value instanceof Set) return "Set {" + each(value) + "}";
  if (value instanceof ArrayBuffer) return "ArrayBuffer " + each(new Uint8Array(value));
  if (ArrayBuffer.isView(value)) return Object.prototype.toString.call(value) + each(kinds.some((K) => value instanceof K) ? value : []);
  if (Array.isArray(value)) return "[" + each(value) + "]";
  return "{" + Object.keys(value).map((key) => key + ":" + tell(value[key], depth + 1)).join() + "}";
};
const outcome = async (program) => {
  try {
    return tell(await program());
  } catch (error) {
    if (!(error instanceof Error)) return "throws " + tell(error);
    return "throws " + error.constructor.name + (error instanceof DOMException ? " " + error.name + " " + error.code : "");
  }
};`;

function programOf(group: readonly string[]): string {
  const bodies = group.map((text) => (/^(const|let|class|try) /.test(text) ? text : `return (${text})`));
  const programs = bodies.map((body) => `async () => { ${body} }`);
  // Strict, as programs are.
  return `"use strict"; ${TELL} const outcomes = []; for (const program of [${programs.join(",\n")}]) outcomes.push(await outcome(program)); return outcomes;`;
}

const AsyncFunction = (async () => {}).constructor as new (text: string) => () => Promise<string[]>;

describe("web globals are those of the platform", () => {
  test.for(Object.keys(cases))("%s", async (about) => {
    const group = cases[about] as readonly string[];
    const program = programOf(group);
    await using worker = new WorkerPeer();
    const here = await new AsyncFunction(program)();
    const { value, error } = await worker.run(program);
    expect(error).toBeUndefined();
    const table = (outcomes: readonly string[]) => group.map((text, index) => `${text}\n  ${outcomes[index]}`);
    expect(table(value as string[])).toEqual(
      table(here.map((told, index) => differences[group[index] as string] ?? told)),
    );
  });
});

test("random values follow the seed, and neither they nor Math.random move the other", async () => {
  await using worker = new WorkerPeer();
  const values = "[crypto.randomUUID(), [...crypto.getRandomValues(new Uint32Array(3))]]";
  const first = await worker.run(`return [${values}, Math.random()]`);
  expect(await worker.run(`const r = Math.random(); return [${values}, r]`)).toEqual(first);
  const other = await worker.run(`return [${values}, Math.random()]`, {}, { seed: Buffer.alloc(16, 8) });
  expect((other.value as unknown[])[0]).not.toEqual((first.value as unknown[])[0]);
});

test("the time of events and of AbortSignal.timeout is the program's", async () => {
  await using worker = new WorkerPeer();
  const code = `
    const before = new Event("x").timeStamp;
    const signal = AbortSignal.timeout(20);
    globalThis.setTimeout = () => { throw new Error("not this one") };
    AbortSignal.timeout(30);
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    return [before, new Event("x").timeStamp, signal.reason.name]`;
  const { value, calls } = await worker.run(code);
  expect(value).toEqual([0, 1, "TimeoutError"]);
  expect(calls.map(({ name, delayMs }) => [name, delayMs])).toEqual([
    ["", 20],
    ["", 30],
  ]);
});

test("a DOMException that nobody catches fails the run as the error that it is", async () => {
  await using worker = new WorkerPeer();
  const { error } = await worker.run("\n  AbortSignal.abort().throwIfAborted()");
  expect(error).toMatchObject({ type: "RUNTIME_ERROR", name: "AbortError", message: "This operation was aborted" });
  expect((await worker.run("\n  atob('*')")).error).toMatchObject({
    name: "InvalidCharacterError",
    line: 2,
    column: 3,
  });
  const { value } = await worker.run("return AbortSignal.abort().reason");
  expect(value).toMatchObject({ name: "AbortError", message: "This operation was aborted" });
});

const abuses: readonly (readonly [what: string, code: string, outcome: object])[] = [
  [
    "every method of every web global",
    `for (const name of ["URL", "URLSearchParams", "TextEncoder", "TextDecoder", "AbortSignal", "AbortController", "Event", "EventTarget", "DOMException", "Crypto"])
      for (const holder of [globalThis[name], globalThis[name].prototype])
        for (const key of Reflect.ownKeys(holder)) { try { Object.defineProperty(holder, key, { get() { throw new Error("poison") }, configurable: true }) } catch {} }
    return await tools.echo({ a: 4 })`,
    { value: { a: 4 } },
  ],
  [
    "what the web globals are made of",
    `const all = [Array, String, Map, Set, WeakMap, RegExp, Uint8Array, Object.getPrototypeOf(Uint8Array), Function]
      .flatMap(({ prototype }) => Reflect.ownKeys(prototype).map((key) => ({ prototype, key })));
    for (let i = 0; i < all.length; i++) { try { all[i].prototype[all[i].key] = () => { throw new Error("poison") } } catch {} }
    try { new URL("http://x/?a#b").searchParams.append("c", "d") } catch {}
    try { structuredClone({ a: new Map([[1, 2]]) }) } catch {}
    return await tools.echo({ a: 4 })`,
    { value: { a: 4 } },
  ],
  [
    "symbols and brands of URL",
    `const fake = Object.create(URL.prototype); const real = new URL("http://x");
    Object.setPrototypeOf(real, null);
    let told = []; for (const u of [fake, new Proxy(new URL("http://x"), {})]) try { told.push(URL.prototype.toString.call(u)) } catch (e) { told.push(e.constructor === TypeError) }
    return [told, Object.getOwnPropertyDescriptor(URL.prototype, "href").get.call(real), Reflect.ownKeys(real)]`,
    { value: [[true, true], "http://x/", []] },
  ],
  ["atob of what is too long", "return atob('A'.repeat(50e6)).length", { error: { type: "MEMORY_LIMIT" } }],
  [
    "structuredClone of what is too deep",
    "let d; for (let i = 0; i < 1e6; i++) d = [d]; structuredClone(d)",
    { error: {} },
  ],
  [
    "more random bytes than there are at once",
    "crypto.getRandomValues(new Uint8Array(65537))",
    { error: { type: "RUNTIME_ERROR", name: "QuotaExceededError" } },
  ],
  [
    "options whose getters throw",
    "new EventTarget().addEventListener('x', () => 1, { get once() { throw new RangeError('mine') } })",
    { error: { type: "RUNTIME_ERROR", name: "RangeError", message: "mine" } },
  ],
  [
    "options whose getters abort what they are read for",
    `const t = new EventTarget(), c = new AbortController(); let n = 0;
    t.addEventListener("x", () => n++, { get once() { c.abort(); return false }, signal: c.signal });
    t.dispatchEvent(new Event("x")); return n`,
    { value: 0 },
  ],
  [
    "listeners that throw",
    `const t = new EventTarget(), seen = []; t.addEventListener("x", () => { throw new Error("heard") });
    t.addEventListener("x", () => seen.push(1)); t.dispatchEvent(new Event("x")); await tools.echo({}); return seen`,
    { value: [1] },
  ],
  [
    "a listener that dispatches without end",
    "const t = new EventTarget(); t.addEventListener('x', () => t.dispatchEvent(new Event('x'))); t.dispatchEvent(new Event('x')); return 1",
    { value: 1 },
  ],
  [
    "signals that follow each other without end",
    "let s = new AbortController(); const c = s; s = s.signal; for (let i = 0; i < 2000; i++) s = AbortSignal.any([s]); c.abort(1); return s.reason",
    { value: 1 },
  ],
];

test.for(abuses)("a program that tries %s ends as it should, and so does the next", async ([, code, outcome]) => {
  await using worker = new WorkerPeer();
  const tools = { echo: (input: unknown) => input };
  expect(await worker.run(code, tools)).toMatchObject(outcome);
  expect(await worker.run("return new URL('http://x/?a=1').searchParams.get('a')")).toMatchObject({ value: "1" });
});
