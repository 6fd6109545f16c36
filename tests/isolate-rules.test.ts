// What the wall between a program and its worker rests on, rule by rule.
//
// | rule | | where it is tested |
// |---|---|---|
// | H1 | a fresh isolate for every run, disposed with it | here; guest: "the same seed gives the same …" |
// | H2 | primitives alone cross, each an argument of its own | here |
// | H3 | values become text inside, bounded in bytes and depth; the edge reads none | guest: "bytes are counted …"; values; layering |
// | H4 | no object of isolated-vm or of the host is inside | here |
// | H5 | one way out, synchronous, that never throws | here; sessions: "a reader that does not read …" |
// | H6 | the harness is strict, and keeps its own of all it uses | poison; web-globals; guest: "nothing of the host …" |
// | H7 | each entry has a slice of time, answers too; who can never go on is told at once | here; peers; hostile-code: `dead-*` |
// | H8 | gone is what gets around a limit | here |
// | H9 | the wrapper cannot be closed | here; guest: "tells of a wrapper that is closed early" |
// | H10 | every limit is kept again, outside the isolate and outside the worker | puppet-worker |
// | H11 | errors are read once and cut, and their class is not the program's to choose | here; guest: "a program cannot pass off …" |
// | H12 | no frame but the program's own, at its own lines | here; guest: "tells of …", "positions are right …" |
// | H13 | no fine clock, and the same zone and language everywhere | here; guest: "a program sees the answers …" |
// | H14 | a heap holds four times the largest input | sessions: "a Start that is out of order …" (heap_bytes) |
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createContext, runInContext } from "node:vm";
import { toDuration } from "@codemode/proto/messages";
import { afterAll, expect, test, vi } from "vitest";
import type { Isolate } from "../executor/src/worker/isolate.ts";
import { Catalog } from "../executor/src/worker/catalog.ts";
import { ProgramRun } from "../executor/src/worker/run.ts";
import { warmUp } from "../executor/src/worker/warm-up.ts";
import { catalogue } from "./hostile/catalogue.ts";
import { LANGUAGE, nativesBelow, type Path, strangers } from "./hostile/natives.ts";
import { budgets, runOf, start, WorkerPeer } from "./worker-peer.ts";

const tools = {
  echo: (input: unknown) => input,
  fail: () => {
    throw new Error("no");
  },
};
const worker = new WorkerPeer();
afterAll(() => worker[Symbol.asyncDispose]());

const codeOf = (id: string): string => catalogue.get(id)?.code ?? expect.unreachable(`There is no case ${id}`);
const folder = new URL("../executor/src/worker/", import.meta.url);

test("H1: nothing of a run is there for the next on the same worker", async () => {
  const look =
    "return [({}).polluted, [].polluted, RegExp.$1, RegExp.lastMatch, Error.stackTraceLimit, Object.keys(globalThis)]";
  await using fresh = new WorkerPeer();
  const untouched = await fresh.run(look);
  const code = codeOf("esc-cross-run-state");
  for (let time = 0; time < 2; time++) expect(await fresh.run(code)).toMatchObject({ value: true });
  await fresh.run(codeOf("esc-pollute-all"));
  await fresh.run("/(secret)/.exec('secret'); Error.stackTraceLimit = 0; globalThis.mine = 1; return 1");
  expect(await fresh.run(look)).toEqual(untouched);
});

test("what a snapshot is warmed up with comes to its end", async () => {
  const said: unknown[][] = [];
  const realm = {};
  const get =
    () =>
    (kind: string, ...values: unknown[]) =>
      void said.push([kind, ...values]);
  Object.defineProperty(realm, "codemodeSend", { get, set: () => {}, configurable: true });
  createContext(realm);
  runInContext(readFileSync(new URL("../gen/guest.js", folder), "utf8"), realm);
  runInContext(warmUp, realm);
  await vi.waitFor(() => expect(said.map(([kind]) => kind)).toEqual(["call", "call", "log", "succeed"]));
});

test("H2: the worker asks isolated-vm for no copy, no reference and no promise of a value", () => {
  const sources = readdirSync(folder).map((name) => readFileSync(new URL(name, folder), "utf8"));
  const asked = sources.flatMap((source) => source.match(/.*\b(?:copy|externalCopy|reference|promise): true.*/g) ?? []);
  // Our own functions, fetched before there is a program.
  for (const line of asked) expect(line).toMatch(/global\.getSync\("codemode\w+", \{ reference: true \}\)/);
  expect(sources.join("")).not.toMatch(/ivm\.(?:ExternalCopy|Reference)\(|"isolated-vm".*\bas any\b/);
});

test.each(["ser-float16", "ser-sab", "nat-arg-sparse", "tool-arg-rawjson"])(
  "H2: %s does nothing to the worker",
  async (id) => {
    await worker.run(codeOf(id), tools);
    expect(await worker.run("return 6 * 7")).toMatchObject({ value: 42 });
  },
);

test("H2, H5: what is no primitive, and what nobody knows, is passed over by the one way out, which never throws", () => {
  const kill = vi.spyOn(process, "kill").mockReturnValue(true); // its last resort
  const said: object[] = [];
  const run = new ProgramRun(runOf({ code: "" }), {} as Isolate, new Catalog(), (event) => said.push(event));
  const receive = run.receive as (...values: unknown[]) => void;
  const objects = [
    {},
    [],
    () => {},
    Symbol("s"),
    1n,
    null,
    undefined,
    new Uint8Array(1),
    Object.assign([], { length: 2 ** 32 - 1 }),
  ];
  for (const kind of [
    "call",
    "cancel",
    "log",
    "dropped",
    "warn",
    "output",
    "cut",
    "succeed",
    "fail",
    "",
    "constructor",
  ]) {
    for (const object of objects) receive(kind, object, object, object, object);
  }
  for (const kind of ["", "__proto__", "toString", "exit"]) receive(kind, "x", 1, true);
  for (const kind of objects) receive(kind, "x");
  expect(said).toEqual([]);
  receive("log", "log", "heard", "");
  expect(said).toMatchObject([{ $case: "log", value: { text: "heard" } }]);
  expect(kill).not.toHaveBeenCalled();
  kill.mockRestore();
});

/** What a realm that nobody has touched does not have. */
function strange(paths: readonly Path[]): string[] {
  return strangers(paths, runInContext(`(${LANGUAGE})`, createContext()) as object);
}

test("H4: all that can be reached is JavaScript, or V8's own", async () => {
  const code = `
    let failure, exception;
    try { await tools.fail() } catch (error) { failure = error }
    try { atob("*") } catch (error) { exception = error }
    const call = tools.echo({}), answer = await tools.echo({ a: [new Map([[1, new Date(0)]])] });
    const made = [new URL("http://x/?y#z"), new AbortController(), new TextDecoder("gbk"), setTimeout(() => {}, 1)];
    ${nativesBelow.toString()}
    return nativesBelow({ ...${LANGUAGE}, tools, agents, codemode, callTool, context, config, console, text, json, image,
      parameters: [...arguments], call, answer, failure, exception, made })`;
  const { value } = await worker.run(code, tools);
  expect((value as Path[]).length).toBeGreaterThan(500);
  // The tools themselves are proxies, and a proxy has no source. "parameters" is the same by another name.
  expect(strange(value as Path[]).filter((path) => !/^(?:tools|globalThis) \. (?:echo|fail)$/.test(path))).toEqual([]);
});

test("H4: that would see a callback, a reference or a copy of isolated-vm", () => {
  const isolate = new URL("hostile/leaking-isolate.mjs", import.meta.url).pathname;
  const code = `JSON.stringify((${nativesBelow.toString()})(${LANGUAGE}))`;
  const { stdout } = spawnSync(process.execPath, ["--no-node-snapshot", isolate, code], { encoding: "utf8" });
  expect(strange(JSON.parse(stdout) as Path[])).toEqual(
    expect.arrayContaining([
      "globalThis . callback",
      "globalThis . reference . [[Prototype]] . applySync",
      "globalThis . external . [[Prototype]] . copy",
    ]),
  );
});

const endless: Record<string, string> = {
  "from the start": "for (;;);",
  "behind an await": "await null; for (;;);",
  "behind an answer": "await tools.echo({}); for (;;);",
  "behind a failure": "await tools.fail().catch(() => { for (;;); })",
  "behind a timer": "await new Promise((done) => setTimeout(done, 1)); for (;;);",
  "that nobody awaits": "void tools.echo({}).then(() => { for (;;); }); await tools.echo({})",
};

test.for(Object.entries(endless))("H7: the worker itself ends a loop %s", async ([, code]) => {
  const short = { budgets: { ...budgets, wallTime: toDuration(300) } };
  expect((await worker.run(code, tools, short)).error).toMatchObject({ type: "TIMEOUT", line: 1 });
});

test("H8: what shares memory, grows outside the heap or runs later is not there", async () => {
  const names = "WebAssembly SharedArrayBuffer Atomics FinalizationRegistry WeakRef Float16Array".split(" ");
  const { value } = await worker.run(`return ${JSON.stringify(names)}.map((name) => typeof globalThis[name])`);
  expect(value).toEqual(names.map(() => "undefined"));
});

test("H8: no way of making a buffer makes one that can grow", async () => {
  const code = `
    const growing = { maxByteLength: 2 ** 20 }, Own = Object.getPrototypeOf(new Uint8Array(1).buffer).constructor;
    class Sub extends ArrayBuffer {}
    class Odd extends Uint8Array {}
    const made = [new ArrayBuffer(8, growing), new Sub(8, growing), new Own(8, growing),
      Reflect.construct(ArrayBuffer, [8, growing]), Reflect.construct(Own, [8, growing], Sub),
      Reflect.construct(Sub, [8, growing], Array), new ArrayBuffer(8, growing).slice(0), new Odd(8).buffer,
      new (new ArrayBuffer(8).constructor)(8, growing), structuredClone(new ArrayBuffer(8, growing))];
    return made.map((buffer) => [buffer.resizable ?? false, typeof buffer.resize, typeof buffer.transfer])`;
  const { value } = await worker.run(code);
  expect(value).toEqual(Array.from({ length: 10 }, () => [false, "undefined", "undefined"]));
});

const closers = [
  "})",
  "}",
  "}})",
  "*/",
  "`",
  "')",
  "\n}\n",
  "\u2028}",
  "//\n}",
  "/*",
  "<!--",
  ") {",
  "}) => {",
  "} catch {",
];

test("H9: no text closes the function that a program is the body of", async () => {
  for (const closer of closers) {
    const { error, calls } = await worker.run(`${closer}; callTool("echo", {}); async function* f() {{`, tools);
    expect([closer, error?.type, calls.length]).toEqual([closer, "SYNTAX_ERROR", 0]);
  }
});

test("H11: whatever is thrown is told in a few thousand characters", async () => {
  const long = "'y'.repeat(5e6)";
  const thrown = [
    `Object.assign(new Error(${long}), { name: ${long}, stack: ${long}, code: ${long} })`,
    `new Error("x", { cause: new Error(${long}, { cause: new Error(${long}) }) })`,
    `new AggregateError(Array.from({ length: 1e4 }, () => new Error("z".repeat(1000))), ${long})`,
    `{ message: ${long} }`,
    long,
  ];
  for (const what of thrown) {
    const { error } = await worker.run(`throw ${what}`);
    expect(error?.type).toBe("RUNTIME_ERROR");
    expect(JSON.stringify(error).length).toBeLessThan(32_768);
  }
});

const thrownBelow: Record<string, string> = {
  "in a callback of the language": "[3, 1].toSorted(() => { throw new Error('x') })",
  "in a getter of an argument": "await tools.echo({ get a() { throw new Error('x') } })",
  "in a toJSON of the value": "return { toJSON() { throw new Error('x') } }",
  "in a listener's caller": "const c = new AbortController(); c.abort(); c.signal.throwIfAborted()",
  "by a web global": "return new URL('not one')",
  "by a tool": "await tools.fail()",
  "behind a timer": "await new Promise((_, no) => setTimeout(() => no(new Error('x')), 1))",
  "under another name": "throw new Error('x')\n//# sourceURL=codemode:guest",
};

test.for(Object.entries(thrownBelow))(
  "H12: an error %s shows the program's line and no frame of ours",
  async ([, code]) => {
    const { error } = await worker.run(`\n${code}`, tools);
    expect(error).toMatchObject({ line: 2 });
    expect(JSON.stringify({ ...error, frame: "" })).not.toMatch(/codemode:|isolated-vm|node:|file:|\//);
  },
);

test("H13: there is no clock to measure with, and where the executor stands shows nowhere", async () => {
  await using elsewhere = new WorkerPeer(start({ TZ: "Asia/Kolkata" }));
  const code = `
    const clocks = () => [Date.now(), +new Date(), new Event("x").timeStamp], before = clocks();
    for (let i = 0; i < 3e5; i++);
    const { timeZone, locale } = new Intl.DateTimeFormat().resolvedOptions();
    return [String(clocks()) === String(before), Date.now() % 1, typeof performance, typeof Temporal,
      new Date(0).getTimezoneOffset(), timeZone, locale, (1234.5).toLocaleString()]`;
  const value = [true, 0, "undefined", "undefined", 0, "UTC", "en-US", "1,234.5"];
  expect(await elsewhere.run(code)).toMatchObject({ value });
});
