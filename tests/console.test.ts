import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { text } from "node:stream/consumers";
import { afterAll, expect, test } from "vitest";
import { duration } from "../executor/src/guest/console/duration.ts";
import { consoleCases, differences } from "./console-cases.ts";
import { budgets, type Ran, WorkerPeer } from "./worker-peer.ts";

/** Without frames, which have a test of their own: they differ from machine to machine. */
const NO_FRAMES = "Error.stackTraceLimit = 0;";
const MARK = "=== next case ===";

const worker = new WorkerPeer();
afterAll(() => worker[Symbol.asyncDispose]());

function run(code: string, settings: Parameters<WorkerPeer["run"]>[2] = {}): Promise<Ran> {
  return worker.run(code, { echo: (input: unknown) => input }, settings);
}

/** What Node's own console writes for each program. */
async function inNode(programs: readonly string[]): Promise<string[]> {
  const entry = fileURLToPath(new URL("node-console.ts", import.meta.url));
  const child = spawn(process.execPath, [entry], { stdio: ["pipe", "pipe", "inherit"] });
  const exited = once(child, "exit");
  child.stdin.end(JSON.stringify(programs.map((code) => `${NO_FRAMES} ${code}`)));
  const written = JSON.parse(await text(child.stdout)) as string[];
  await exited;
  return written;
}

/** What the sandbox's console prints for each program, all of them in one run. */
async function inSandbox(programs: readonly string[]): Promise<string[]> {
  const marked = programs.map((code) => `{ ${code}\n} console.log(${JSON.stringify(MARK)});`);
  const { logs, error } = await run(`${NO_FRAMES}\n${marked.join("\n")}\nreturn 1`, {
    budgets: { ...budgets, logBytes: 16n * 1024n * 1024n, logLines: 100_000 },
  });
  expect(error).toBeUndefined();
  return logs
    .join("\n")
    .concat("\n")
    .split(`${MARK}\n`)
    .slice(0, -1)
    .map((printed) => printed.replace(/\n$/, ""));
}

test("the console prints what Node's prints", async () => {
  const [sandbox, node] = await Promise.all([inSandbox(consoleCases), inNode(consoleCases)]);
  const pairs = (texts: string[]) => consoleCases.map((program, index) => ({ program, text: texts[index] }));
  expect(consoleCases.length).toBeGreaterThan(400);
  expect(pairs(sandbox)).toEqual(pairs(node));
});

test("where the console prints otherwise than Node's, it is on purpose", async () => {
  const sandbox = await inSandbox(differences.map(([, program]) => program));
  expect(differences.map(([why], index) => [why, sandbox[index]])).toEqual(
    differences.map(([why, , text]) => [why, text]),
  );
});

test.for([
  [0, "0ms"],
  [999, "999ms"],
  [1_101, "1.101s"],
  [60_000, "1:00.000 (m:ss.mmm)"],
  [754_007, "12:34.007 (m:ss.mmm)"],
  [3_661_001, "1:01:01.001 (h:mm:ss.mmm)"],
] as const)("%i milliseconds are printed as %s, as Node does", ([milliseconds, text]) => {
  expect(duration(milliseconds)).toBe(text);
});

test("each method has its level, and lines come in the order of the calls", async () => {
  const code = `
    const { log, info, debug, warn, error, dir, dirxml, table, trace, group, groupEnd, count, assert, time, timeEnd } = console;
    log(1); info(2); debug(3); warn(4); error(5); dir(6); dirxml(7); table(8); group(9); groupEnd(); count(); assert(0, 11);
    time(); await tools.echo(1); timeEnd(); trace(13); console.countReset("no")`;
  const { lines } = await run(code);
  expect(lines.map(({ level, text }) => `${level} ${text.split("\n")[0]}`)).toEqual([
    "log 1",
    "info 2",
    "debug 3",
    "warn 4",
    "error 5",
    "log 6",
    "log 7",
    "log 8",
    "log 9",
    "log default: 1",
    "error Assertion failed 11",
    "log default: 1ms",
    "debug Trace: 13",
    "warn Warning: Count for 'no' does not exist",
  ]);
});

const places: readonly (readonly [what: string, code: string, settings: object, logs: string[]])[] = [
  ["JavaScript", "const a = 1;\n  console.log(new Error('x'))\nreturn a", {}, ["Error: x\n    at program.js:2:15"]],
  [
    "TypeScript",
    "interface A { b: string }\nconst f = (a: A): void => {\n  console.log(new TypeError(a.b));\n};\nf({ b: 'x' })",
    { fileName: "tool.ts" },
    ["TypeError: x\n    at f (tool.ts:3:15)\n    at tool.ts:5:1"],
  ],
  [
    "a last expression",
    "console.trace('here %d', 1)",
    { fileName: "日本 (1).js" },
    ["Trace: here 1\n    at 日本 (1).js:1:9"],
  ],
  [
    "errors inside of values",
    "await tools.echo(1);\nconsole.log([Object.assign(new Error('x', { cause: new Error('y') }), { code: 1 })], { e: new Error('z') })",
    {},
    [
      `[
  Error: x
      at program.js:2:28 {
    code: 1,
    [cause]: Error: y
        at program.js:2:52
  }
] {
  e: Error: z
      at program.js:2:91
}`,
    ],
  ],
  [
    "built-ins on the way",
    "[1].map(() => {\n  console.error(new Error('x'));\n});\nreturn 1",
    {},
    ["Error: x\n    at program.js:2:17\n    at Array.map (<anonymous>)\n    at program.js:1:5"],
  ],
  [
    "timers",
    "await new Promise((done) => setTimeout(() => {\n  console.log(new Error('x'), 1);\n  done();\n}, 1))",
    {},
    ["Error: x\n    at program.js:2:15 1"],
  ],
  [
    "a stack that is printed as text",
    "const e = new Error('x');\nconsole.log(e.stack);\nconsole.log({ s: e.stack.split('\\n')[1] });\nconsole.log('no codemode: here')",
    {},
    ["Error: x\n    at program.js:1:11", "{ s: '    at eval (program.js:1:11)' }", "no codemode: here"],
  ],
];

test.for(places)("a printed error has the user's own positions: %s", async ([, code, settings, logs]) => {
  expect((await run(code, settings)).logs).toEqual(logs);
});

test("an object that is thrown is described with the user's own positions", async () => {
  const { error } = await run("throw { e: new Error('x') }");
  expect(error?.message).toBe("{\n  e: Error: x\n      at program.js:1:12\n}");
});

const hostile: readonly (readonly [what: string, code: string, logs: string[]])[] = [
  [
    "getters that throw",
    "console.log({ get a() { throw 1 } }, new (class A { get [Symbol.toStringTag]() { throw 2 } })())",
    ["{ a: [Getter] } A {}"],
  ],
  [
    "an error whose parts throw",
    "const e = new Error('x'); for (const k of ['stack', 'name', 'message', 'cause']) Object.defineProperty(e, k, { get() { throw e } }); console.log(e, 1)",
    ["[object Error] 1"],
  ],
  [
    "a proxy whose traps throw, between others",
    "console.log('a', new Proxy({}, { get() { throw 1 }, getPrototypeOf() { throw 2 } }), { b: 1 })",
    ["a [cannot be shown] { b: 1 }"],
  ],
  ["a revoked proxy", "const p = Proxy.revocable({}, {}); p.revoke(); console.log(p.proxy)", ["[cannot be shown]"]],
  [
    "a method that throws",
    "console.log('%s', { toString() { throw 1 } }, 2)",
    ["%s { toString: [Function: toString] } 2"],
  ],
  ["options that throw", "console.dir({ a: { b: {} } }, { get depth() { throw 1 } })", ["{ a: { b: {} } }"]],
  ["a comparison that throws", "console.dir({ b: 1, a: 2 }, { sorted() { throw 1 } })", ["[cannot be shown]"]],
  ["a label that throws", "console.count({ toString() { throw 1 } })", ["[cannot be shown]: 1"]],
  ["rows that throw", "console.table([{ get a() { throw 1 } }])", ["[cannot be shown]"]],
  ["a stack that is no text", "Error.prepareStackTrace = () => 5; console.trace('x')", ["Trace: x"]],
  [
    "a method for inspect",
    "let given = 0; const s = Symbol.for('nodejs.util.inspect.custom'); console.log({ [s]() { given++ } }, class { static [s]() { given++ } }); console.log(given)",
    [expect.any(String), "0"] as string[],
  ],
  [
    "a getter for what the library's state lacks",
    "let got = []; for (const k of ['circular', 'userOptions', 'stylize', 'seen']) Object.defineProperty(Object.prototype, k, { get() { got.push(k); } }); console.dir([{ a: [1] }], { depth: 3 }); console.log('%o %s', [1], { a: 1 }); console.table([{ a: 1 }]); console.log(got.join())",
    [expect.any(String), expect.any(String), expect.any(String), ""] as string[],
  ],
];

test.for(hostile)("the console stands %s", async ([, code, logs]) => {
  const ran = await run(`${code}\nreturn [1, 2]`);
  expect(ran).toMatchObject({ logs, value: [1, 2] });
});

const MAKE = `const v = { a: [1, "it's", new Map([[1, new Set([2])]])], "b-c\\n": /x/g, d: new Date(0), e: new Error("e"), f() {},
  g: class A {}, h: new (class B { x = 1 })(), u: new Uint8Array(2), n: Object(1), w: "a\\nb".repeat(30) },
  rows = [{ a: 1 }, { b: 2 }], map = new Map([[1, 2]]), set = new Set([1]), e = new Error("x", { cause: 1 }), o = { b: "a\\nb" };
  const { ownKeys, getOwnPropertyDescriptor, defineProperty } = Reflect, { freeze } = Object;
  const replace = (target, value) => {
    const keys = ownKeys(target);
    for (let i = 0, n = keys.length; i < n; i++) {
      const key = keys[i], own = getOwnPropertyDescriptor(target, key);
      if (!own.configurable || key === "constructor") continue;
      if (own.get) defineProperty(target, key, { get: value, configurable: true });
      else if (typeof own.value === "function") defineProperty(target, key, { value, writable: true, configurable: true });
    }
  };`;
const SHOW = [
  "console.log(v, 'text %s')",
  "console.log('%s %d %i %j %o %O', o, 1, 2, o, rows, v)",
  "console.table(rows)",
  "console.table(map)",
  "console.table(set)",
  "console.group('g')",
  "console.error(e)",
  "console.groupEnd()",
  "console.count()",
  "console.time()",
  "console.timeEnd()",
  "console.trace('t')",
  "console.dir(o, { depth: 1 })",
  "console.assert(false, 'x', v)",
];
const withPrototypes =
  "Array Map Set RegExp String Function Object Number Symbol Date Error WeakMap Promise ArrayBuffer Int8Array.__proto__";
const iterables = ["[]", "new Map()", "new Set()", "''"];
const targets = ["Reflect", "Math", "JSON", "Intl"].concat(
  withPrototypes.split(" ").flatMap((name) => [name, `${name}.prototype`]),
  iterables.map((iterable) => `Object.getPrototypeOf(${iterable}[Symbol.iterator]())`),
);
const replacements = [
  "() => { throw new Error('poison') }",
  "() => undefined",
  "function () { return this }",
  "() => ['x']",
];
const single = [
  "Array.prototype[Symbol.iterator] = Map.prototype[Symbol.iterator] = function* () { for (;;) yield [1, 2] }",
  "for (const C of [Object, Array, Map, Error, Function, Date]) defineProperty(C, Symbol.hasInstance, { value() { throw 3 } })",
  "defineProperty(Array, Symbol.species, { get() { throw 1 } }); Array.prototype.constructor = class { constructor() { throw 2 } }",
  "Error.prepareStackTrace = () => { throw 1 }",
  "for (const k of Object.getOwnPropertyNames(globalThis)) if (k !== 'console') try { delete globalThis[k] } catch {}",
  "for (const k of ['0', '1', 'value', 'get', 'length', 'enumerable', 'writable', 'name', 'stack', 'href', 'index', 'text', 'cells']) defineProperty(Object.prototype, k, { __proto__: null, get() { throw 1 }, set() { throw 2 }, configurable: true })",
];

test("whatever a program has replaced, no call of the console throws or hangs, and its result is right", async () => {
  const poisons = [
    ...targets.flatMap((target) => [
      `freeze(${target})`,
      ...replacements.map((replacement) => `replace(${target}, ${replacement})`),
    ]),
    ...single,
  ];
  const calls = SHOW.map((call) => `try { ${call} } catch { threw++ }`).join("\n");
  for (const poison of poisons) {
    const { value, error } = await run(`${MAKE}\n${poison};\nlet threw = 0;\n${calls}\nreturn { threw, ok: [1, 2] }`);
    expect({ poison, value, error }).toEqual({ poison, value: { threw: 0, ok: [1, 2] }, error: undefined });
  }
});

test("what was thrown is told of, also when it cannot be shown", async () => {
  const poison = "Array.prototype[Symbol.iterator] = function* () { for (;;) yield 1 };";
  const thrown = ["{ a: 1 }", "new Proxy({}, { get() { throw 1 } })", "'text'", "5n", "Symbol('s')", "-0", "undefined"];
  const messages = async (before: string) => {
    const told: (string | undefined)[] = [];
    for (const value of thrown) told.push((await run(`${before} throw ${value}`)).error?.message);
    return told;
  };
  expect(await messages("")).toEqual(["{ a: 1 }", "[cannot be shown]", "text", "5n", "Symbol(s)", "-0", "undefined"]);
  const plain = ["[cannot be shown]", "[cannot be shown]", "text", "5n", "Symbol(s)", "-0", "undefined"];
  expect(await messages(poison)).toEqual(plain);
});

const huge: readonly (readonly [what: string, code: string])[] = [
  ["an object of many keys", "const v = {}; for (let i = 0; i < 200_000; i++) v['k' + i] = i;"],
  [
    "an instance of many keys",
    "const v = new (class A { a = {}; constructor() { for (let i = 0; i < 1e5; i++) this.a['k' + i] = this } })();",
  ],
  ["deep nesting", "let v = {}; for (let i = 0; i < 1e6; i++) v = { v };"],
  ["a long array", "const v = new Array(4e6).fill(1);"],
  ["a long array with a hole", "const v = new Array(4e6).fill(1); delete v[0];"],
  ["a long typed array", "const v = new Uint8Array(3e7);"],
  ["a long text", "const v = 'x'.repeat(3e7);"],
  ["a long text in an object", "const v = Object('x'.repeat(3e7));"],
  ["a large map", "const v = new Map(); for (let i = 0; i < 100_000; i++) v.set(i, v);"],
  ["lists in lists", "let v = [1]; for (let i = 0; i < 6; i++) v = Array(100).fill(v);"],
  [
    "maps in maps",
    "let v = new Map(); for (let i = 0; i < 6; i++) v = new Map(Array.from({ length: 100 }, (_, k) => [k, v]));",
  ],
  ["many rows", "const v = Array.from({ length: 1e5 }, (_, i) => ({ i }));"],
];

test.for(huge)("%s costs little to print, however often", async ([, code]) => {
  const calls = [
    "console.log(v)",
    "console.log('%o', v)",
    "console.log({ v })",
    "console.dir(v, { depth: null, maxArrayLength: null })",
    "console.table(v)",
  ];
  await run(`${code}; return 1`);
  const { cpuMs } = worker;
  const { value, error, logs } = await run(`${code}\nfor (let i = 0; i < 5_000; i++) { ${calls.join(";")} }\nreturn 1`);
  expect({ value, error }).toEqual({ value: 1, error: undefined });
  for (const line of logs) expect(line.length).toBeLessThanOrEqual(16_384);
  expect(Buffer.byteLength(logs.join(""))).toBeLessThanOrEqual(65_536);
  expect(worker.cpuMs - cpuMs).toBeLessThan(2_000);
});

test("the budgets of lines and bytes are kept exactly, and what is over them is counted", async () => {
  const lines = await run("for (let i = 0; i < 1000; i++) console.log(i); return 1");
  expect([lines.logs.length, lines.dropped, lines.droppedBytes]).toEqual([1000, 0, 0]);
  const oneMore = await run("for (let i = 0; i < 1001; i++) console.log(i); return 1");
  expect([oneMore.logs.length, oneMore.dropped]).toEqual([1000, 1]);
  const bytes = await run("for (let i = 0; i < 4; i++) console.log('x'.repeat(16_384)); return 1");
  expect([bytes.logs.length, bytes.dropped, bytes.droppedBytes]).toEqual([4, 0, 0]);
  const over = await run(
    "console.log('x'); for (let i = 0; i < 4; i++) console.log('x'.repeat(16_384)); console.log('y')",
  );
  expect(over.logs.map(({ length }) => length)).toEqual([1, 16_384, 16_384, 16_384, 16_383]);
  expect([over.dropped, over.droppedBytes]).toEqual([1, 1]);
});

test("a getter that prints takes its line from the same budgets", async () => {
  const code =
    "const v = { get a() { console.log('in'); return 1 } }; for (let i = 0; i < 2_000; i++) console.dir(v, { getters: true }); return 1";
  const { logs, dropped } = await run(code, { budgets: { ...budgets, logLines: 3 } });
  expect(logs).toEqual(["in", "{ a: [Getter: 1] }", "in"]);
  expect(dropped).toBe(1 + 1_998);
});

test("a line is cut at its length, and what is cut off is counted", async () => {
  const { logs, dropped, droppedBytes } = await run(
    "console.log('x'.repeat(16_385)); console.log('a', 'x'.repeat(20_000)); console.group(); console.log('x'.repeat(16_384)); console.log('a\\n'.repeat(5_000) + 'b'); return 1",
    { budgets: { ...budgets, logBytes: 1_000_000n } },
  );
  expect(logs.map(({ length }) => length)).toEqual([16_384, 16_384, 16_384, 16_384]);
  expect([dropped, droppedBytes]).toEqual([0, 1 + 3_618 + 2 + 10_001 + 10_002 - 16_384]);
});

test("a file with a long name makes a printed stack no longer than the budget", async () => {
  const code = "for (let i = 0; i < 400; i++) console.log(new Error('x')); return 1";
  const fileName = `${"n".repeat(250)}.js`;
  const { logs, dropped, value } = await run(code, { fileName });
  expect(logs[0]).toBe(`Error: x\n    at ${fileName}:1:43`);
  expect(Buffer.byteLength(logs.join(""))).toBe(65_536);
  expect([value, logs.length + dropped]).toEqual([1, 400]);
});
