// What models write beside the forms of the contract, and what a parser or two make of it.
import { ValueEncoding } from "@codemode/proto/messages";
import { afterAll, describe, expect, test } from "vitest";
import { prepare } from "../executor/src/worker/program.ts";
import { manifestOf, WorkerPeer } from "./worker-peer.ts";

const tools = {
  add: ({ a, b }: { a: number; b: number }) => a + b,
  echo: (input: unknown) => input,
  text: () => "a tool called text",
};
const worker = new WorkerPeer();
afterAll(() => worker[Symbol.asyncDispose]());

function run(code: string) {
  const context = { encoding: ValueEncoding.VALUE_ENCODING_EXACT, data: Buffer.from('{"user":"me"}') };
  return worker.run(code, tools, { manifest: manifestOf(tools), context });
}

type Row = readonly [row: string, code: string, value: unknown];

describe("type arguments that are comparisons to JavaScript", () => {
  test.for<Row>([
    ["of a constructor", "return new Set<string>(['a'])", new Set(["a"])],
    ["of two types", "return new Map<string, number>([['a', 1]])", new Map([["a", 1]])],
    ["of a method", "const xs = [1, 2];\nreturn xs.reduce<number>((a, b) => a + b, 0)", 3],
    ["of a tool", "return await callTool<number>('add', { a: 1, b: 2 })", 3],
    ["of an array", "return new Array<number>(3).length", 3],
    ["of a promise", "return await Promise.all<any>([1, 2])", [1, 2]],
    ["nested", "const f = (x) => x;\nreturn f<Promise<Array<number>>>([1])", [1]],
    ["nested in a shift", "const f = (x) => x;\nreturn f<Array<number>>({ id: 1 }).id", 1],
    ["of an object type", "const f = (x) => x;\nreturn f<{ id }>({ id: 1 })", { id: 1 }],
    ["of a template", "const f = (x) => x[0];\nreturn f<string>`x`", "x"],
    ["of an argument", "return [...new Set<number>([1, 1])].concat(new Array<number>(1, 2))", [1, 1, 2]],
    ["comparisons are left alone", "const a = 1, b = 2, c = 3;\nreturn [a < b, a < b && c > (b)]", [true, true]],
  ])("%s", async ([, code, value]) => {
    expect(await run(code)).toMatchObject({ value });
  });
});

describe("nesting", () => {
  const deep = (open: string, close = "", depth = 50_000) =>
    `let x: number = ${open.repeat(depth)}1${close.repeat(depth)}`;
  test.for([
    ["parentheses", deep("(", ")", 8_000)],
    ["arrays", deep("[", "]")],
    ["objects", deep("{ a: ", "}")],
    ["blocks", `let x: number = 1;${"{".repeat(50_000)}${"}".repeat(50_000)}`],
    ["templates", deep("`${", "}`")],
    ["arrows", deep("a =>")],
    ["operators", deep("1 +")],
    ["powers", deep("1 **")],
    ["conditions", deep("1 ? 1 : ")],
    ["calls", `let x: number = a${".b()".repeat(50_000)}`],
    ["type arguments", `let x: ${"Array<".repeat(50_000)}1${">".repeat(50_000)}`],
    ["type arguments with a comma", `let x: ${"Map<1, ".repeat(50_000)}1${">".repeat(50_000)}`],
    ["branches", `let x: number = 1;\n${"if (x)\n".repeat(50_000)};`],
    ["other branches", `let x: number = 1;\n${"if (x);\nelse ".repeat(50_000)};`],
    ["conditional types", `let x: ${"1 extends 2 ? 1 : ".repeat(50_000)}1`],
    ["JavaScript", `return ${"(".repeat(50_000)}1${")".repeat(50_000)}`],
    ["comparisons", `return x${">x".repeat(120_000)}`],
    ["shifts", `return x${">>x".repeat(80_000)}`],
    ["comparisons both ways", `return x${"<x>x".repeat(60_000)}`],
    ["type parameters", `let x = ${"<A, B>() =>".repeat(20_000)}1`],
  ])("without end is a SyntaxError: %s", async ([, code = ""]) => {
    const { error } = await run(code);
    expect(error).toMatchObject({ type: "SYNTAX_ERROR", message: "The program is nested too deeply" });
  });

  // As much as is let through without a closer look.
  test.for<readonly [open: string, close: string, depth: number]>([
    ["(", ")", 2_700],
    ["[", "]", 2_700],
    ["`${", "}`", 2_300],
    ["(class { a = ", "})", 1_000],
    ["({ a: ", "})", 1_100],
    ["a => ", "", 3_500],
    ["x ? ", "", 3_900],
    ["!", "", 46_000],
    ["@(", ")", 1_750],
    ["if (x) a, b; else ", "", 13_500],
    ["if (x) do a; while (x); else ", "", 6_900],
    ["x > ", "", 39_900],
    ["x < x > ", "", 19_900],
  ])("by %s%s, as much as there may be, leaves the worker alive", async ([open, close, depth]) => {
    const worst = [open.repeat(depth), `${open.repeat(depth)}1${close.repeat(depth)}`];
    for (const code of [...worst, `let x: number;${worst.at(-1)}`]) {
      const { error } = await run(code);
      expect(error ?? { type: "SYNTAX_ERROR" }).toMatchObject({ type: "SYNTAX_ERROR" });
    }
  });

  const many = (count: number, text: (index: number) => string, between = "") =>
    Array.from({ length: count }, (_, index) => text(index)).join(between);
  test.for([
    ["a long text", `const s: string = ${many(2_000, (i) => `"${i}"`, " +\n ")};\nreturn 1`],
    ["a long condition", `const s: any = 1;\nreturn ${many(500, (i) => `s === "${i}"`, " ||\n ")} || 1`],
    [
      "rows of data",
      `const x: any = [${many(10_000, (i) => `{ id: ${i}, name: 'n', tags: ["a", 'b'], at: -1 }`, ",\n")}];\nreturn 1`,
    ],
    [
      "500 thens",
      `const p: any = Promise.resolve(1);\nreturn await p${many(500, () => "\n.then((x) => { return x })")}`,
    ],
    [
      "lines without semicolons",
      `let x: number = 1\n${many(5_000, (i) => `x = (x * 2) % 7\nif (x > 3) x = 1\nconst y${i} = { a: [x] }\n`)}return 1`,
    ],
    ["functions in one line", `let x: number = 1; ${many(3_000, (i) => `function f${i}() { return [x] } `)}return 1`],
    [
      "comparisons",
      `const xs: number[] = [];\n${many(3_000, () => "if (xs.length < 1 && 2 > 1) { xs.length = 0 } else { xs.push }\n")}return 1`,
    ],
    [
      "texts and patterns of brackets",
      `const s: string = "${"(".repeat(5_000)}";\nconst r = /[${"(".repeat(5_000)}]/;\n// ${"{".repeat(5_000)}\nreturn 1`,
    ],
    [
      "quotes in comments and patterns",
      `const s: string = 'it' // it's\nconst r = /['"\`]/g, t = s.length / 2 / 1\n${many(1_500, () => "/* don't */ s.at(0)\n")}return 1`,
    ],
  ])("of long programs is none: %s", async ([, code = ""]) => {
    expect((await run(code)).value ?? 1).toBe(1);
    expect((await run(code)).error).toBeUndefined();
  });
});

describe("forms", () => {
  test.for<Row>([
    [
      "a default main that is awaited",
      "export default async function main() { text('once'); return 7 }\nawait main();",
      7,
    ],
    ["a default function before a parenthesis", "export default function f() { return 7 }\n(async () => {})()", 7],
    ["a default value before a parenthesis", "export default 7\n;(async () => {})()", 7],
    ["a default arrow before a parenthesis", "export default async () => 7\n;[1].map(String)", 7],
    ["a default without a name", "export default async function () { return 7 }\n[1].map(String)", 7],
    ["a default that is hoisted", "const x = f();\nexport default x;\nfunction f() { return 7 }", 7],
    ["a default that is another default's name", "async function go() { return 7 }\nexport default go;", 7],
    ["an arrow alone", "const main = async () => { return 7 };", 7],
    ["an arrow and helpers", "const half = (x) => x / 2;\nconst main = async () => half(14);", 7],
    ["an arrow with a type", "const main: () => Promise<number> = async () => 7", 7],
    ["an exported arrow", "export const main = async () => 7;", 7],
    ["run beside helpers", "function half(x) { return x / 2 }\nasync function run() { return half(14) }", 7],
    [
      "the one function that nothing uses",
      "function half(x) { return x / 2 }\nasync function solve() { return half(14) }",
      7,
    ],
    [
      "a main that was run is not run again",
      "const main = async () => { text('once'); return 7 };\nresult = await main();",
      7,
    ],
    ["its value in a name", "async function main() { return 7 }\nconst result = await main();", 7],
    ["a call before its function", "main();\nasync function main() { return 7 }", 7],
    ["void", "const main = async () => 7;\nvoid main();", 7],
    ["void and a line", "const main = async () => 7;\nvoid\n main().catch(console.error);", 7],
    ["catch", "async function main() { return 7 }\nmain().catch(console.error);", 7],
    ["then", "async function main() { return 7 }\nmain().then((x) => x).catch(console.error)", 7],
    ["export { main as default }", "async function main() { return 7 }\nexport { main as default };", 7],
    ["export { main }", "async function main() { return 7 }\nexport { main };", 7],
    ["export { go }", "const go = () => 7, other = () => 8;\nexport { go };", 7],
    ["module.exports", "module.exports = async () => 7;", 7],
    ["module.exports of a name", "async function main() { return 7 }\nmodule.exports = main\n", 7],
    ["module.exports of names", "async function main() { return 7 }\nmodule.exports = { main };", 7],
    [
      "module.exports of a main that runs",
      "async function main() { text('once'); return 7 }\nmain();\nmodule.exports = { main };",
      7,
    ],
    ["exports.default", "exports.default = 7", 7],
    ["exports.run", "exports.run = async function () { return 7 }\n", 7],
    ["an object of functions", "export default { async run() { return 7 } }", 7],
    ["an enum beside the one function", "enum A { B = 7 }\nasync function solve(): Promise<A> { return A.B }", 7],
    ["a property named main", "const o = { main: 1 };\no.main;\nasync function main() { return 7 }", 7],
    ["a main that is handed on", "async function main() { return 7 }\nconst o = { main };\nawait o.main()", 7],
    ["directives and main", "'use strict';\nasync function main() { return 7 }", 7],
  ])("%s", async ([, code, value]) => {
    const { outputs, ...ran } = await run(code);
    expect(ran).toMatchObject({ value });
    expect(outputs.length).toBeLessThanOrEqual(1);
  });

  test.for<Row>([
    ["async (codemode)", "async (codemode) => await codemode.add({ a: 3, b: 4 })", 7],
    ["async (tools)", "async (tools) => await tools.add({ a: 3, b: 4 })", 7],
    [
      "({ tools, context })",
      "async function main({ tools, context }) { return [await tools.add({ a: 3, b: 4 }), context.user] }",
      [7, "me"],
    ],
    [
      "a default ({ tools })",
      "export default async function ({ tools }) { return await tools.add({ a: 3, b: 4 }) }",
      7,
    ],
    [
      "({ callTool, console })",
      "async ({ callTool, console }) => { console.log(1); return await callTool('add', { a: 3, b: 4 }) }",
      7,
    ],
    ["({ add }) of tools", "async ({ add }) => await add({ a: 3, b: 4 })", 7],
    ["a tool goes before a plain name", "async (tools) => await tools.text()", "a tool called text"],
    ["a parameter with a default", "async function main({ json = 1 } = {}) { return typeof json }", "function"],
  ])("a function program gets what it names: %s", async ([, code, value]) => {
    expect(await run(code)).toMatchObject({ value });
  });
});

describe("fences", () => {
  test.for<Row>([
    ["a shebang in it", "```js\n#!/usr/bin/env node\nreturn 7\n```", 7],
    ["attributes", '```ts title="x.ts" {1,2}\nreturn 7 as number\n```', 7],
    ["not closed", "```js\nreturn 7\n", 7],
    ["prose around", "Here is the code:\n\n```js\nreturn 7\n```\n\nIt's done.", 7],
    ["prose behind", "```js\nreturn 7\n```\nThat's it!", 7],
    ["prose before, not closed", "Sure! Here's it:\n```js\nreturn 7", 7],
    ["tildes", "~~~js\nreturn 7\n~~~", 7],
    ["four backquotes", "````js\nreturn 7\n````", 7],
    ["CRLF", "```js\r\nreturn 7\r\n```\r\n", 7],
    ["a fence in a comment of it", "```js\n/*\n```\nx\n```\n*/\nreturn 7\n```", 7],
    ["a fence in a template", "const s = `\n~~~\nx\n~~~`;\nreturn s.length", 10],
  ])("%s", async ([, code, value]) => {
    expect(await run(code)).toMatchObject({ value });
  });

  test("two of them are refused", async () => {
    const { error } = await run("First:\n```js\nreturn 1\n```\nthen:\n```js\nreturn 2\n```");
    expect(error).toMatchObject({
      type: "SYNTAX_ERROR",
      line: 6,
      message: expect.stringMatching(/send only the code/),
    });
  });

  test("lines keep their number", async () => {
    expect((await run("Here:\n\n```js\nreturn 1\n  + null.x\n```\nDone")).error).toMatchObject({ line: 5, column: 10 });
  });
});

describe("what waits for ever has its line", () => {
  test.for([
    [
      "for await",
      "const never = { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) };\nfor await (const x of never) {}",
      2,
    ],
    ["a promise of itself", "let p;\nconst f = async () => { await 0; await p };\np = f();\nawait p", 4],
  ] as const)("%s", async ([, code, line]) => {
    expect((await run(code)).error).toMatchObject({ type: "DEADLOCK", line });
  });
});

describe("a SyntaxError in the user's lines", () => {
  test.for([
    [
      "import.meta",
      "const a = 1;\nreturn import.meta.url",
      { line: 2, column: 8, hint: expect.stringMatching(/import/) },
    ],
    ["import.meta in TypeScript", "type A = 1;\n\nconst a: A = 1;\nreturn import.meta.url", { line: 4, column: 8 }],
    ["an import in TypeScript", "type A = 1;\n\nconst a: A = 1;\nimport fs from 'fs'; fs.x", { line: 4, column: 1 }],
    [
      "a decorator in TypeScript",
      "type A = 1;\n\nconst a: A = 1;\n@dec class B {}",
      { line: 4, column: 1, message: expect.stringMatching(/^Decorators/) },
    ],
    ["JSX", "const x = 1;\nreturn <div>{x}</div>", { line: 2, message: expect.stringMatching(/^JSX/) }],
  ] as const)("%s", async ([, code, error]) => {
    expect((await run(code)).error).toMatchObject({ type: "SYNTAX_ERROR", ...error });
  });
});

describe("comments of HTML are operators", () => {
  test.for<Row>([
    ["<!--", "let x = 1, y = 1; const z = x<!--y; return z", false],
    ["--> in a line", "let n = 3, c = 0;\nwhile (n-->0) c++\nreturn c", 3],
    ["in texts", "return ['<!--', `\n-->`, /<!--/.source] // <!--\n", ["<!--", "\n-->", "<!--"]],
  ])("%s", async ([, code, value]) => {
    expect(await run(code)).toMatchObject({ value });
  });

  test("columns behind them are the user's", async () => {
    expect((await run("let x = 1, y = 1;\nx<!--y; null.x")).error).toMatchObject({ line: 2, column: 14 });
  });
});

test("thousands of positions in a long program are found in no time", () => {
  const program = prepare(`${"f(1); // some text to make it long\n".repeat(5_000)}${"await g();".repeat(5_000)}`);
  const start = performance.now();
  for (let line = 1; line <= 10_000; line++) program.locate((line % 5_000) + 4, 3);
  expect(performance.now() - start).toBeLessThan(1_000); // it took minutes
});

describe("hints", () => {
  test.for([
    ["a reference", "setImmediate(() => 1)", /setTimeout/],
    ["performance", "return performance.now()", /Date\.now/],
    ["localStorage", "localStorage.x = 1", /variable/],
    ["JSON of the language's", "JSON.parse('<html>')", /is no JSON/],
    ["JSON that ends early", "JSON.parse('{')", /is no JSON/],
    ["a function", "const o = {}; o.x()", /Print the value/],
  ] as const)("%s", async ([, code, hint]) => {
    expect((await run(code)).error?.hint).toMatch(hint);
  });

  test.for([
    ["an error of the program's", "throw new Error('The JSON export quota is used up')"],
    ["a text that sounds like one", "throw new Error('x is not defined')"],
    ["a thrown text", "throw 'x is not a function'"],
    ["a type of the program's", "throw Object.assign(new Error('foo is not iterable'), { name: 'QuotaError' })"],
  ] as const)("none for %s", async ([, code]) => {
    expect((await run(code)).error?.hint).toBe("");
  });
});
