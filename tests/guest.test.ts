import { expect, test } from "vitest";
import { WorkerPeer } from "./worker-peer.ts";

const tools = {
  add: ({ a, b }: { a: number; b: number }) => a + b,
  echo: (input: unknown) => input,
  fail: () => {
    throw new TypeError("tool says no");
  },
  "look-up": () => new Map([[1, new Date(3)]]),
  "github.search": ({ q }: { q: string }) => [q],
  github: () => "itself",
};

async function run(code: string) {
  await using worker = new WorkerPeer();
  return await worker.run(code, tools);
}

const forms: readonly (readonly [form: string, code: string, value: unknown])[] = [
  ["a body with return", "const x = await tools.add({ a: 40, b: 2 });\nreturn x", 42],
  ["an async arrow function", "async () => { return await tools.add({ a: 1, b: 2 }) }", 3],
  ["an arrow function with an expression", "() => 7", 7],
  ["a function expression", "(function () { return 8 })", 8],
  ["main alone", "async function main() { return 9 }", 9],
  ["main that is called", "async function main() { return 10 }\nmain()", 10],
  ["an immediately invoked function", "(async () => 11)()", 11],
  ["a bare expression", "[1, 2].map((x) => x * 2)", [2, 4]],
  ["statements that end in an expression", "const x = 3;\nx + 1", 4],
  ["export default of a function", "export default async function f() { return 12 }", 12],
  ["export default of a value", "const n = 6;\nexport default n * 2;\nfunction later() {}", 12],
  ["result assigned", "const y = 3;\nresult = y * 2", 6],
  ["result assigned in a block", "if (true) { result = 5 }", 5],
  ["result declared", "const result = await tools.add.run({ a: 1, b: 1 })", 2],
  ["a Markdown fence", "```ts\nconst a: string = 'x';\nreturn a.length\n```", 1],
  ["TypeScript types", "const f = <T,>(x: T): T => x;\nreturn f<number>(1) as number", 1],
  ["TypeScript enums", "enum A { X, Y }\nreturn A.Y", 1],
  ["a name in scope declared anew", "let tools = { x: 1 }; return tools.x", 1],
  ["callTool", "return await callTool('add', { a: 1, b: 1 })", 2],
  ["a name that is no identifier", "return [...await tools['look-up']()][0][1].getTime()", 3],
  ["a namespace", "return tools.github.search({ q: 'x' })", ["x"]],
  ["a whole name with a dot", "return tools['github.search']({ q: 'x' })", ["x"]],
  ["a tool that is a namespace too", "return [await tools.github(), await tools.github.run()]", ["itself", "itself"]],
  [
    "many calls at once",
    "return (await Promise.all([1, 2, 3].map((x) => tools.echo({ x })))).map((r) => r.x)",
    [1, 2, 3],
  ],
];

test.for(forms)("runs %s", async ([, code, value]) => {
  expect(await run(code)).toMatchObject({ value });
});

const failures: readonly (readonly [what: string, code: string, error: object])[] = [
  ["a property of null", "const a = 1;\n\nnull.x", { type: "RUNTIME_ERROR", line: 3, column: 6 }],
  [
    "an error in TypeScript",
    "let z: number = 1;\n\n  throw new Error('boo')",
    { type: "RUNTIME_ERROR", line: 3, column: 9 },
  ],
  ["an error in an appended return", "const f = () => { throw new Error('x') };\n  f(1)", { line: 1, column: 25 }],
  ["a syntax error", "const a = 1\nretrun 1", { type: "SYNTAX_ERROR", line: 2, column: 8 }],
  ["a syntax error in TypeScript", "let a: number = 1\nconst x: = 2", { type: "SYNTAX_ERROR", line: 2, column: 10 }],
  ["a wrapper that is closed early", "}); evil(() => {", { type: "SYNTAX_ERROR", line: 1, column: 1 }],
  ["an import", "import fs from 'fs'; return 1", { type: "SYNTAX_ERROR", line: 1, column: 1 }],
  [
    "a tool that throws",
    "\n await tools.fail()",
    { type: "TOOL_ERROR", message: "tool says no", line: 2, column: 14, seq: 1, component: "fail" },
  ],
  ["an unknown tool", "return await tools.nope()", { type: "UNKNOWN_TOOL", component: "nope" }],
  ["null thrown", "throw null", { type: "RUNTIME_ERROR", message: "null" }],
  [
    "a getter that loops through itself",
    "const e = new Error('x'); Object.defineProperty(e, 'name', { get() { throw e } }); throw e",
    { type: "RUNTIME_ERROR" },
  ],
  ["what can never settle", "await new Promise(() => {})", { type: "DEADLOCK" }],
  [
    "a function in the value",
    "return { users: [{ save() {} }] }",
    { type: "UNSERIALIZABLE", message: "value.users[0].save is a function" },
  ],
  ["a promise in the value", "return { a: tools.echo(1) }", { type: "UNSERIALIZABLE" }],
  [
    "one call too many",
    "for (let i = 0; i < 101; i++) try { tools.echo(i) } catch {}\nreturn 1",
    { type: "CALL_LIMIT" },
  ],
  ["an argument that is too large", "await tools.echo('x'.repeat(70_000))", { type: "OUTPUT_LIMIT" }],
  ["a value that is too large", "return 'x'.repeat(300_000)", { type: "OUTPUT_LIMIT" }],
  ["a gigabyte at once", "return new ArrayBuffer(2 ** 30)", { type: "MEMORY_LIMIT" }],
  ["memory without end", "const a = []; for (;;) a.push({ a: 1, b: [1, 2, 3] })", { type: "MEMORY_LIMIT" }],
];

test.for(failures)("tells of %s", async ([, code, error]) => {
  expect((await run(code)).error).toMatchObject(error);
});

test("a program sees the answers in the order in which they were given, and its clock moves with them", async () => {
  const code =
    "const t = Date.now(); await tools.echo(1); return [Date.now() - t, new Date().getTime() - t, Date() === String(new Date())]";
  expect(await run(code)).toMatchObject({ value: [1, 1, true] });
});

test("the same seed gives the same random numbers, run after run, in a fresh realm each", async () => {
  await using worker = new WorkerPeer();
  const code =
    "globalThis.left = (globalThis.left ?? 0) + 1; Array.prototype.mark = 1; return [left, Math.random(), Math.random()]";
  const first = await worker.run(code);
  expect(await worker.run(code)).toEqual(first);
  expect(first.value).toEqual([1, expect.any(Number), expect.any(Number)]);
  const other = await worker.run(code, {}, { seed: Buffer.alloc(16, 8) });
  expect(other.value).not.toEqual(first.value);
});

test("calls over the limit in flight wait for others and keep their numbers", async () => {
  await using worker = new WorkerPeer();
  const code = "return (await Promise.all(Array.from({ length: 90 }, (_, i) => tools.echo({ i })))).map((r) => r.i)";
  const { value, calls } = await worker.run(code, tools);
  expect(value).toEqual(Array.from({ length: 90 }, (_, index) => index));
  expect(calls.map(({ seq }) => seq)).toEqual(Array.from({ length: 90 }, (_, index) => index + 1));
});

test("a flood of console output is cut and counted", async () => {
  const { logs, dropped } = await run("for (let i = 0; i < 5000; i++) console.log('line ' + i)");
  expect(logs).toHaveLength(1000);
  expect(dropped).toBe(4000);
});

test("errors whose parts are no text cross, and cost nobody anything", async () => {
  const code = `const e = new Error('x'); e.name = 5; e.message = { a: 1 }; e.stack = 7; return [e, Object.freeze(new TypeError('y'))]`;
  const { value } = await run(code);
  expect(value).toEqual([
    expect.objectContaining({ name: "Error", message: "" }),
    expect.objectContaining({ name: "TypeError", message: "y" }),
  ]);
});

test("a program cannot pass off its own error as a failure of ours", async () => {
  const forged = "const e = new Error('x'); e.name = 'ValueTooLargeError'; e.seq = 4; e.type = 'CallLimit'; throw e";
  expect((await run(forged)).error).toMatchObject({ type: "RUNTIME_ERROR", component: "", code: "" });
  const inherited = `Object.assign(Object.prototype, { type: 'CallLimit', seq: 7, component: 'x', code: {}, retryable: true,
    mode: 'json', maxBytes: 1, maxDepth: 1 }); throw new Error('x')`;
  expect((await run(inherited)).error).toMatchObject({
    type: "RUNTIME_ERROR",
    component: "",
    code: "",
    retryable: false,
  });
  const ours = `let C; try { await tools.echo({ f() {} }) } catch (e) { C = e.constructor; if (C !== TypeError) return 'reached' }
    throw Object.assign(new C('x'), { name: 'UnserializableError', path: '' })`;
  expect((await run(ours)).error).toMatchObject({ type: "RUNTIME_ERROR", message: "x" });
});

test("bytes are counted, not characters", async () => {
  const fits = "'\u20ac'.repeat(87_380) + 'xx'"; // 262,142 bytes of UTF-8 and two quotes
  expect((await run(`return ${fits}`)).value).toHaveLength(87_382);
  expect((await run(`return ${fits} + 'x'`)).error?.type).toBe("OUTPUT_LIMIT");
  expect((await run("await tools.echo('\u20ac'.repeat(21_845) + 'x')")).error?.type).toBe("OUTPUT_LIMIT");
  const { logs, dropped } = await run("for (let i = 0; i < 30; i++) console.log('\u20ac'.repeat(1000)); return 1");
  expect(Buffer.byteLength(logs.join(""))).toBe(65_535);
  expect(dropped).toBe(8);
});

test.for(["a b.js", "prog(1).ts", "x\u2028y.js", "日本.js"])(
  "positions are right in a file called %j",
  async (fileName) => {
    await using worker = new WorkerPeer();
    const { error } = await worker.run("\n  throw new Error('x')", {}, { fileName });
    expect(error).toMatchObject({ line: 2, column: 9, stack: `    at ${fileName}:2:9` });
  },
);

const poisoned: readonly (readonly [what: string, code: string, value: unknown])[] = [
  ["Promise.prototype.then", "Promise.prototype.then = () => { throw 1 }; return 1", 1],
  [
    "JSON",
    "JSON.stringify = () => '{\"forged\":1}'; JSON.parse = () => 'forged'; return await tools.echo({ a: 1 })",
    { a: 1 },
  ],
  ["toJSON", "Object.prototype.toJSON = () => 'forged'; return { a: [] }", { a: [] }],
  [
    "Map",
    "Map.prototype.get = () => ({}); Map.prototype.set = () => { throw 1 }; return await tools.echo({ a: 4 })",
    { a: 4 },
  ],
  [
    "Reflect and Function",
    "Reflect.apply = () => 'x'; Function.prototype.call = Function.prototype.apply = () => 'x'; return await tools.echo({ a: 4 })",
    { a: 4 },
  ],
  [
    "setters",
    "let n = 0; for (const k of ['0', 'value', 'get', 'name', 'seq', 'resolve']) Object.defineProperty(Object.prototype, k, { __proto__: null, set() { n++ }, get() { n++ }, configurable: true }); await tools.echo({}); return n",
    0,
  ],
  [
    "species",
    "Object.defineProperty(Promise, Symbol.species, { get() { throw new Error('species') } }); Object.defineProperty(Promise.prototype, 'constructor', { get() { throw 1 } }); return 2",
    2,
  ],
  [
    "all globals",
    "for (const k of Object.getOwnPropertyNames(globalThis)) { try { delete globalThis[k] } catch {} } return await tools.echo({ a: 4 })",
    { a: 4 },
  ],
  [
    "the tools",
    "try { tools.echo = () => 'forged' } catch {} try { Object.defineProperty(tools, 'echo', { value: 1 }) } catch {} return await tools.echo({ a: 5 })",
    { a: 5 },
  ],
  [
    "every method, getter and constructor of every built-in",
    `const shared = new Map([[1n, new Set([NaN])]]);
    const value = { shared, again: shared, date: new Date(5), re: /a/gi, e: new TypeError("x", { cause: [-0] }), big: 2n ** 70n,
      all: new AggregateError([1], "y"), f: new Float32Array([1.5]), view: new DataView(new ArrayBuffer(2)), box: Object("s"), hole: [, 1] };
    const E = Error, bad = (key) => () => { throw new E("poisoned " + key) };
    const { getOwnPropertyDescriptor, ownKeys, defineProperty } = Reflect, { getPrototypeOf } = Object;
    const owners = [getPrototypeOf(Int8Array), getPrototypeOf([].values()), getPrototypeOf(new Map().values()), getPrototypeOf(getPrototypeOf([].values()))];
    for (const key of ownKeys(globalThis)) if (typeof globalThis[key] === "function" || /^(JSON|Math|Reflect|Intl)$/.test(key)) owners.push(globalThis[key]);
    const targets = []; for (const owner of owners) { targets.push(owner); if (owner.prototype) targets.push(owner.prototype); }
    const todo = [];
    for (const target of targets) for (const key of ownKeys(target)) { const d = getOwnPropertyDescriptor(target, key); if (d.configurable && key !== "prototype" && key !== "name" && (target !== Promise.prototype || key !== "constructor")) todo.push([target, key]); }
    for (const key of ["value", "id", "get", "set", "buffer", "cause", "errors", "mode", "$type", "0", "1", "constructor"]) todo.push([Object.prototype, key]);
    for (let i = 0; i < todo.length; i++) todo[i][2] = { __proto__: null, get: bad(String(todo[i][1])), set: bad(String(todo[i][1])), configurable: true };
    for (let i = 0; i < todo.length; i++) defineProperty(todo[i][0], todo[i][1], todo[i][2]);
    return await tools.echo(value)`,
    {
      shared: new Map([[1n, new Set([NaN])]]),
      date: new Date(5),
      re: /a/gi,
      e: expect.objectContaining({ name: "TypeError", message: "x", cause: [-0] }),
      all: expect.objectContaining({ name: "AggregateError", errors: [1] }),
      big: 2n ** 70n,
      f: new Float32Array([1.5]),
      hole: [undefined, 1],
    },
  ],
];

test.for(poisoned)("a program that poisons %s gets the right answer all the same", async ([, code, value]) => {
  expect(await run(code)).toMatchObject({ value });
});

test("nothing of the host or the harness can be reached", async () => {
  const code = `
    const seen = new Set(), bad = [];
    const walk = (o, path) => {
      if ((typeof o !== "object" && typeof o !== "function") || o === null || seen.has(o) || path.length > 12) return;
      seen.add(o);
      for (const key of Reflect.ownKeys(o)) {
        if (/codemode|ivm|process|require|WebAssembly|SharedArrayBuffer|Atomics|FinalizationRegistry|WeakRef/.test(String(key))) bad.push([...path, String(key)].join("."));
        let d; try { d = Reflect.getOwnPropertyDescriptor(o, key) } catch { continue }
        if (!d) continue;
        walk(d.value, [...path, String(key)]); walk(d.get, [...path, String(key)]); walk(d.set, [...path, String(key)]);
      }
      walk(Object.getPrototypeOf(o), [...path, "__proto__"]);
    };
    walk(globalThis, ["globalThis"]); walk(tools, ["tools"]); walk(console, ["console"]); walk(callTool, ["callTool"]);
    try { await tools.fail() } catch (e) { walk(e, ["error"]) }
    try { atob("*") } catch (e) { walk(e, ["exception"]) }
    walk(new URL("http://x/?y#z"), ["url"]); walk(new URL("http://x/?y").searchParams.entries(), ["params"]);
    walk(AbortSignal.any([new AbortController().signal]), ["signal"]); walk(new TextDecoder("gbk"), ["decoder"]);
    let frames; Error.prepareStackTrace = (_, s) => s.map((f) => [typeof f.getThis(), typeof f.getFunction()].join());
    await tools.echo({ get a() { frames = new Error().stack; return 1 } });
    return { bad: bad.filter((p) => p !== "globalThis.codemode"), frames: frames.filter((f) => f !== "undefined,undefined") };`;
  expect(await run(code)).toMatchObject({ value: { bad: [], frames: [] } });
});

test("a timer that is cleared while it waits for its turn keeps its number on the wire", async () => {
  const code = `
    const all = Array.from({ length: 16 }, () => tools.echo({}));
    const timer = setTimeout(() => {}, 5); const last = tools.echo({ last: 1 }); clearTimeout(timer);
    await Promise.all(all); return await last`;
  const { value, calls } = await run(code);
  expect(value).toEqual({ last: 1 });
  expect(calls.map(({ seq }) => seq)).toEqual(Array.from({ length: 18 }, (_, index) => index + 1));
});
