import { afterAll, describe, expect, test } from "vitest";
import { OnOversize } from "@codemode/proto/messages";
import { manifestOf, WorkerPeer } from "./worker-peer.ts";

const schemas = {
  add: { type: "object", properties: { a: { type: "number" }, b: { type: "number" } }, required: ["a", "b"] },
  "github.search_issues": { type: "object", properties: { query: { type: "string" } }, required: ["query"] },
};
const tools = {
  add: ({ a, b }: { a: number; b: number }) => a + b,
  echo: (input: unknown) => input,
  "look-up": () => "found",
  "github.search_issues": ({ query }: { query: string }) => [query],
  "twin-name": () => 1,
  twin_name: () => 2,
};

const worker = new WorkerPeer(); // each run has an isolate of its own
afterAll(() => worker[Symbol.asyncDispose]());

function run(code: string, settings: Parameters<WorkerPeer["run"]>[2] = {}) {
  return worker.run(code, tools, { manifest: manifestOf(tools, schemas), ...settings });
}

type Row = readonly [row: string, code: string, value: unknown];

describe("forms", () => {
  const rows: readonly Row[] = [
    ["a body with top-level await and return", "const n = await tools.add({ a: 1, b: 2 });\nreturn n", 3],
    ["an async arrow function", "async () => 42", 42],
    ["a sync arrow function in parentheses", "(() => 42);", 42],
    ["a function expression", "(async function () { return 42 })", 42],
    ["main alone", "async function main() { return 42 }", 42],
    ["main and its call", "async function main() { return 42 }\nmain();", 42],
    ["main and its awaited call", "async function main() { return 42 }\nawait main()", 42],
    ["main beside helpers", "function half(x) { return x / 2 }\nasync function main() { return half(84) }", 42],
    ["an exported main", "export async function main() { return 42 }", 42],
    ["an IIFE", "(async () => { return 42 })()", 42],
    ["a bare expression", "6 * 7", 42],
    ["a bare promise", "Promise.resolve(42)", 42],
    ["statements that end in an expression", "const x = 21\nx * 2", 42],
    ["export default of a function", "export default async () => 42", 42],
    ["export default of a named function", "export default function answer() { return 42 }", 42],
    ["export default of a value", "export default 42", 42],
    ["result assigned", "result = 42", 42],
    ["const result as the last word", "const result = 42;", 42],
    ["a fence", "```js\nreturn 42\n```", 42],
    ["a fence without a language, and text white around it", "\n  ```\n() => 42\n```  \n", 42],
    ["a fence of tsx", "```tsx\nconst n: number = 42;\nreturn n\n```", 42],
    ["a fence inside a template", "return `\n\\`\\`\\`js\nx\n\\`\\`\\`\n`.length", 13],
    ["an object literal in parentheses", "({ a: 42 }).a", 42],
    ["a class and its use", "class A { get x() { return 42 } }\nnew A().x", 42],
    ["a block that returns", "{ const y = 42; return y }", 42],
    ["return in a branch", "if (1) { return 42 } else { return 0 }", 42],
    ["$ and backquotes", "const $a = '$&$1$$'; return `${$a}`.length", 6],
    ["U+2028 in a text", "return '\u2028'.length + 41", 42],
    ["a shebang", "#!/usr/bin/env node\nreturn 42", 42],
    ["CRLF", "const x = 1;\r\nreturn x + 41\r\n", 42],
    ["a byte order mark", "\uFEFFreturn 42", 42],
    ["comments alone around", "// first\n/* second */ return 42 // third", 42],
    ["a directive", "'use strict';\nreturn 42", 42],
    ["a label and a loop", "outer: for (;;) { for (;;) break outer }\nreturn 42", 42],
    ["names in scope declared anew", "const tools = 40, context = 2; return tools + context", 42],
    ["an html comment mark", "let x = 43; x --> 0; return x", 42],
    // TypeScript
    ["types", "const f = (x: number): number => x * 2;\nreturn f(21) as number", 42],
    [
      "interfaces and aliases",
      "interface A { x: number }\ntype B = A & { y?: string };\nconst b: B = { x: 42 };\nreturn b.x",
      42,
    ],
    ["generics", "function id<T extends number>(x: T): T { return x }\nreturn id<42>(42)", 42],
    ["enums", "enum E { A = 41, B }\nreturn E.B", 42],
    ["const enums", "const enum E { A = 42 }\nreturn E.A", 42],
    ["namespaces", "namespace N { export const x = 42 }\nreturn N.x", 42],
    [
      "parameter properties",
      "class P { constructor(private readonly x: number) {} get() { return this.x } }\nreturn new P(42).get()",
      42,
    ],
    ["satisfies and non-null", "const x = { a: 42 } satisfies { a: number };\nreturn x!.a", 42],
    [
      "abstract classes, overloads, this",
      "abstract class A { abstract f(): number }\nclass B extends A { f(): number; f(this: B) { return 42 } }\nreturn new B().f()",
      42,
    ],
    ["import type", "import type { X } from 'y';\nreturn 42", 42],
    ["declare", "declare const nothing: string;\nreturn 42", 42],
    [
      "optional chaining and assertions",
      "const x: { a?: { b: number } } = {};\nreturn (x.a?.b as number | undefined) ?? 42",
      42,
    ],
    ["async arrow with types", "async (): Promise<number> => 42", 42],
  ];
  test.for(rows)("%s", async ([, code, value]) => {
    expect(await run(code)).toMatchObject({ value });
  });

  const refused: readonly (readonly [row: string, code: string, error: object])[] = [
    ["a program that closes the wrapper", "return 1\n}); evil(() => {", { line: 2, column: 1 }],
    ["a program that closes a block of ours", "}\n{", { line: 1, column: 1 }],
    [
      "a decorator",
      "return 1;\n@dec class A {}",
      { line: 2, column: 1, message: expect.stringMatching(/^Decorators/) },
    ],
    ["an import", "import x from 'y'", { line: 1, column: 1 }],
    ["TypeScript that is none", "const n: number = 1;\nconst m: = 2;", { line: 2, column: 10 }],
    ["CRLF lines count as one", "const x = 1;\r\nconst y = ;\r\n", { line: 2, column: 11 }],
    ["a fence: lines count from it", "```js\nconst y = ;\n```", { line: 2, column: 11 }],
    ["await in a function that is none", "function f() { await 1 }", { line: 1, column: 16 }],
    ["with", "with ({}) {}", { line: 1, column: 1 }],
  ];
  test.for(refused)("a SyntaxError in the user's lines: %s", async ([, code, error]) => {
    expect((await run(code)).error).toMatchObject({ type: "SYNTAX_ERROR", ...error });
  });
});

describe("names", () => {
  const rows: readonly Row[] = [
    ["tools.x(args)", "return await tools.add({ a: 40, b: 2 })", 42],
    ["tools['x-y'](args)", "return await tools['look-up']()", "found"],
    ["tools.x_y for x-y", "return await tools.look_up()", "found"],
    [
      "two names that are one but for a dash are both there",
      "return [await tools['twin-name'](), await tools.twin_name()]",
      [1, 2],
    ],
    ["tools.ns.x(args)", "return await tools.github.search_issues({ query: 'q' })", ["q"]],
    ["tools['ns.x'](args)", "return await tools['github.search_issues']({ query: 'q' })", ["q"]],
    ["tools.ns_x and another spelling", "return await tools.githubSearchIssues({ query: 'q' })", ["q"]],
    ["ns.x(args)", "return await github.search_issues({ query: 'q' })", ["q"]],
    ["tools.x.run(args)", "return await tools.add.run({ a: 40, b: 2 })", 42],
    ["codemode.x(args)", "return await codemode.add({ a: 40, b: 2 })", 42],
    ["x(args)", "return await add({ a: 40, b: 2 })", 42],
    ["a name of the program's own before x", "const add = () => 1; return add()", 1],
    ["external_x(args)", "return await external_add({ a: 40, b: 2 }) + (await external_look_up()).length", 47],
    ["callTool", "return await callTool('add', { a: 40, b: 2 })", 42],
    ["arguments by position", "return await tools.add(40, 2)", 42],
    ["one argument by position", "return await tools.github.search_issues('q')", ["q"]],
    ["no arguments", "return await tools.echo()", {}],
    ["tools.$search(query)", "return tools.$search('issues').map((t) => t.name)", ["github.search_issues"]],
    [
      "codemode.search and its options",
      "return codemode.search({ query: '', limit: 2, offset: 1 }).map((t) => t.name)",
      ["echo", "look-up"],
    ],
    [
      "tools.$describe(name)",
      "const d = tools.$describe('add'); return [d.signature, d.inputSchema.required]",
      ["tools.add(input: { a: number; b: number }): Promise<unknown>", ["a", "b"]],
    ],
    [
      "codemode.describe",
      "return codemode.describe('look-up').signature",
      'tools["look-up"](input?: unknown): Promise<unknown>',
    ],
    ["ALL_TOOLS", "return ALL_TOOLS.length", 6],
    ["__interfaces and __getToolInterface", "return __interfaces.includes(__getToolInterface('add'))", true],
    ["destructured", "const { add } = tools; return await add({ a: 40, b: 2 })", 42],
    [
      "as a callback",
      "return (await Promise.all([{ a: 1, b: 2 }].map(tools.add)).catch((e) => e.message))",
      "tools.add takes one object of arguments, and was given 3 arguments",
    ],
    ["in parallel", "return (await Promise.all([tools.add(1, 2), tools.add(3, 4)])).join()", "3,7"],
    [
      "a call is a promise",
      "const p = tools.add(1, 1); return [p instanceof Promise, typeof p.then, await p.finally(() => {})]",
      [true, "function", 2],
    ],
  ];
  test.for(rows)("%s", async ([, code, value]) => {
    expect(await run(code)).toMatchObject({ value });
  });

  test("an unknown tool names the nearest ones and their signature", async () => {
    const { error } = await run("await tools.github.serch_issue({ query: 'x' })");
    expect(error).toMatchObject({ type: "UNKNOWN_TOOL", line: 1, column: 20 });
    expect(error?.message).toBe(
      'There is no tool "github.serch_issue"; did you mean tools.github.search_issues(input: { query: string }): Promise<unknown>?',
    );
  });

  test("a name that could be two is refused with both", async () => {
    const { error } = await run("await tools.twinName({})");
    expect(error?.message).toMatch(
      /more than one name is like it; did you mean tools\["twin-name"\].* or tools.twin_name/,
    );
  });

  test.for([
    ["a property", "tools.add(1, 2).length"],
    ["arithmetic", "tools.add(1, 2) + 1"],
    ["a template", "`${tools.add(1, 2)}`"],
    ["a loop", "[...tools.add(1, 2)]"],
    ["JSON", "JSON.stringify({ x: tools.add(1, 2) })"],
    ["comparison", "tools.add(1, 2) > 1"],
  ])("a promise used as its value says that await is missing: %s", async ([, code]) => {
    const { error } = await run(`return ${code}`);
    expect(error?.message).toMatch(/^tools\.add\(\) gives a promise, and .* used without `await`$/);
    expect(error).toMatchObject({ type: "RUNTIME_ERROR", line: 1, hint: expect.stringMatching(/^Put `await`/) });
  });
});

describe("values keep their type both ways", () => {
  const rows: readonly (readonly [row: string, value: unknown])[] = [
    ["undefined, null, booleans, texts", [undefined, null, true, "\u2028 é \ud83d\ude00"]],
    ["NaN, infinities and -0", [NaN, Infinity, -Infinity, -0]],
    ["BigInt", 12n ** 40n],
    ["Date", [new Date(5), new Date(NaN)]],
    ["Map and Set", new Map<unknown, unknown>([[{ a: 1 }, new Set([1, "b"])]])],
    ["RegExp", /a\/b/giu],
    ["typed arrays and ArrayBuffer", [new Uint8Array([1, 255]), new Float64Array([0.1]), new ArrayBuffer(3)]],
    ["URL", new URL("https://user@example.com:8080/a?b=c#d")],
    ["Error with its cause", new RangeError("far", { cause: new TypeError("near") })],
  ];
  test.for(rows)("%s", async ([, value]) => {
    const { value: came } = await worker.run("return [await tools.give(), await tools.take(await tools.give())]", {
      give: () => value,
      take: (given: unknown) => {
        expect(given).toEqual(value);
        return "taken";
      },
    });
    expect(came).toEqual([value, "taken"]);
  });

  test("cycles and shared references", async () => {
    const code =
      "const a = { n: 1 }; a.self = a; const back = await tools.echo({ a, b: a }); return [back.a === back.b, back.a.self === back.a, back]";
    const { value } = await run(code);
    const [, , back] = value as [boolean, boolean, { a: { self: unknown }; b: unknown }];
    expect(value).toEqual([true, true, expect.anything()]);
    expect([back.a === back.b, back.a.self === back.a]).toEqual([true, true]);
  });

  test.for<Row>([
    ["a function", "return { users: [0, { save() {} }] }", "value.users[1].save is a function"],
    ["a symbol", "return { a: Symbol('x') }", "value.a is a symbol"],
    [
      "a class instance with nothing to show",
      "class A { #x = 1 } return [new A()]",
      "value[0] is an object of class A that would become {}",
    ],
    ["a promise", "return { x: tools.echo() }", "value.x is a promise; is `await` missing?"],
    ["an argument", "await tools.echo({ f: () => 1 })", "value.f is a function"],
  ])("what would be lost is an error with its path: %s", async ([, code, message]) => {
    expect((await run(code)).error).toMatchObject({ type: "UNSERIALIZABLE", message });
  });
});

describe("output", () => {
  test("text, json and image stand in their order beside the value", async () => {
    const code = `text("a"); text({ b: 1 }); json(new Map([[1, 2]])); image("aGk="); image("data:image/gif;base64,aGk=");
      image(new Uint8Array([104, 105]), "image/webp"); emit({ c: 1 }); notify("n"); print("p", 1); return 7`;
    const { value, outputs } = await run(code);
    expect(value).toBe(7);
    const image = (mimeType: string) => ({ $case: "image", value: { mimeType, data: Buffer.from("hi") } });
    expect(outputs).toMatchObject([
      { $case: "text", value: "a" },
      { $case: "text", value: "{ b: 1 }" },
      { $case: "json" },
      image("image/png"),
      image("image/gif"),
      image("image/webp"),
      { $case: "json" },
      { $case: "text", value: "n" },
      { $case: "text", value: "p 1" },
    ]);
  });

  test("a picture that is none is refused", async () => {
    expect((await run("image(5)")).error?.message).toMatch(/^image\(\) takes/);
    expect((await run("image('data:text/plain,hi')")).error?.message).toMatch(/^image\(\) takes/);
  });

  test("output over its budget fails, or is dropped and counted, as asked", async () => {
    const code = "text('x'.repeat(200_000)); text('y'.repeat(62_000)); text('z'); return 1";
    expect((await run(code)).error).toMatchObject({ type: "OUTPUT_LIMIT" });
    const onOversize = OnOversize.ON_OVERSIZE_TRUNCATE;
    const { value, outputs } = await run(code, { onOversize });
    expect(value).toBe(1);
    expect(outputs).toHaveLength(2);
    const exact = "text('x'.repeat(262_144 - 64)); return 1";
    expect(await run(exact)).toMatchObject({ value: 1 });
    expect((await run(exact.replace("- 64", "- 63"))).error).toMatchObject({ type: "OUTPUT_LIMIT" });
  });
});

describe("a value over its budget", () => {
  const onOversize = OnOversize.ON_OVERSIZE_TRUNCATE;

  test("keeps its structure when it is cut, and tells how much was left out", async () => {
    const code = `return { n: 1, rows: Array.from({ length: 50_000 }, (_, id) => ({ id, name: "user " + id })), last: "kept" }`;
    const { value, warnings } = await run(code, { onOversize });
    const { n, rows, last } = value as { n: number; rows: unknown[]; last: string };
    expect([n, last]).toEqual([1, "kept"]);
    expect(rows.length).toBeGreaterThan(1_000);
    expect(rows[0]).toEqual({ id: 0, name: "user 0" });
    expect(rows.at(-1)).toBe(`… and ${50_000 - (rows.length - 1)} more items`);
    expect(warnings).toEqual(["The value was cut to 262144 bytes"]);
  });

  test.for<Row>([
    ["a text", "return 'é'.repeat(400_000)", expect.stringMatching(/^é+… and \d+ more characters$/)],
    [
      "many keys",
      "return Object.fromEntries(Array.from({ length: 60_000 }, (_, i) => ['k' + i, i]))",
      expect.objectContaining({ k0: 0, "…": expect.stringMatching(/^and \d+ more keys$/) }),
    ],
    [
      "a cycle",
      "const a = { x: 'y'.repeat(300_000) }; a.self = a; return a",
      { x: expect.stringMatching(/more characters$/), self: "… (a cycle)" },
    ],
    ["bytes", "return [1, new Uint8Array(300_000)]", [1, "… (left out)"]],
  ])("is cut: %s", async ([, code, value]) => {
    expect((await run(code, { onOversize })).value).toEqual(value);
  });

  test("is not cut when it fits, and fails when nobody asked for a cut", async () => {
    const exact = "return 'x'.repeat(262_142)";
    expect((await run(exact, { onOversize })).warnings).toEqual([]);
    expect((await run(exact.replace("142", "143"))).error).toMatchObject({ type: "OUTPUT_LIMIT", line: 1 });
  });
});

describe("failures", () => {
  const rows: readonly (readonly [row: string, code: string, error: object])[] = [
    ["a thrown text", "const a = 1;\nthrow 'boom'", { type: "RUNTIME_ERROR", message: "boom", line: 2, column: 1 }],
    ["a thrown null", "if (1) {\n  throw null\n}", { message: "null", line: 2, column: 3 }],
    ["a thrown object", "throw { code: 7 }", { message: "{ code: 7 }", line: 1 }],
    ["a thrown symbol", "throw Symbol('s')", { message: "Symbol(s)", line: 1 }],
    ["a thrown function", "throw () => 1", { line: 1 }],
    ["a thrown sequence", "throw (1, 'two')", { message: "two", line: 1 }],
    ["a rejection with undefined", "const x = 1;\nawait Promise.reject()", { message: "undefined", line: 2 }],
    [
      "a frozen error",
      "throw Object.freeze(new RangeError('cold'))",
      { name: "RangeError", message: "cold", line: 1, column: 21 },
    ],
    [
      "an error with hostile getters",
      "throw Object.defineProperties(new Error('x'), { message: { get() { throw 1 } }, stack: { get() { throw 2 } }, name: { get() { throw 3 } }, cause: { get() { throw 4 } } })",
      { type: "RUNTIME_ERROR", message: "" },
    ],
    [
      "an error whose getter loops once",
      "throw Object.defineProperty(new Error('x'), 'message', { get() { return { toString() { for (;;); } } } })",
      { message: "" },
    ],
    [
      "an async stack",
      "async function load() {\n  await null;\n  throw new Error('late')\n}\nawait load()",
      { line: 3, column: 9, stack: expect.stringMatching(/load \(program.js:3:9\)\n.*program.js:5:/) },
    ],
    ["a line after a timer", "await new Promise((done) => setTimeout(done, 1)); null.x", { line: 1, column: 56 }],
    [
      "TypeScript: lines and columns of the user's",
      "type A = {\n  x: number;\n};\nconst a: A | null = null;\nreturn (a as unknown as A).x",
      { line: 5, column: 28 },
    ],
    ["a bare expression: columns before the `return` of ours", "const o = null\no.x.y", { line: 2, column: 3 }],
    [
      "an aggregate",
      "await Promise.any([Promise.reject(new Error('one')), Promise.reject('two')])",
      { message: "All promises were rejected; Error: one; two" },
    ],
    [
      "awaits that are watched keep their columns",
      "const p = Promise.resolve({});\nconst x = (await p).a.b",
      { line: 2, column: 23 },
    ],
  ];
  test.for(rows)("%s", async ([, code, error]) => {
    expect((await run(code)).error).toMatchObject(error);
  });

  test.for([
    ["one promise", "await new Promise(() => {})", 1, 1],
    [
      "in a function",
      "const never = new Promise(() => {});\nasync function f() {\n  return await never\n}\nawait f()",
      3,
      10,
    ],
    ["after calls", "await tools.echo({});\nconst { promise } = Promise.withResolvers();\nawait promise", 3, 1],
    [
      "TypeScript",
      "const p: Promise<void> = new Promise<void>(() => {});\nconst q = await (p as Promise<void>)",
      2,
      11,
    ],
    ["a thenable", "await { then() {} }", undefined, undefined],
  ] as const)("Deadlock at once, with the line that awaits: %s", async ([, code, line, column]) => {
    const { error } = await run(code);
    expect(error).toMatchObject({ type: "DEADLOCK", line, column });
  });

  test("a timer that throws is a warning, and keeps nothing else from going on", async () => {
    const code = `for (let i = 0; i < 16; i++) setTimeout(() => { throw new Error("lost") }, 1);
      return await tools.echo({ a: 1 })`;
    const { value, warnings } = await run(code);
    expect(value).toEqual({ a: 1 });
    expect(warnings).toContain("A failure that nobody awaited: lost (line 1)");
  });

  test("warnings tell what nobody awaited, and that nothing came of it", async () => {
    expect((await run("tools.echo({});\ntools.add(1, 2); return 1")).warnings).toEqual([
      "tools.echo() (call 1) was not awaited: the run ended before it was answered (line 1)",
      "tools.add() (call 2) was not awaited: the run ended before it was answered (line 2)",
    ]);
    expect((await run("const x = 1;\nPromise.reject(new Error('lost'));\nreturn 1")).warnings).toEqual([
      "A failure that nobody awaited: lost (line 2)",
    ]);
    expect((await run("const x = 1")).warnings).toEqual([expect.stringMatching(/returned nothing, printed nothing/)]);
    for (const code of ["console.log(1)", "await tools.echo()", "text('x')", "return 0"]) {
      expect((await run(code)).warnings).toEqual([]);
    }
  });
});

describe("what a review found", () => {
  test.for<Row>([
    [
      "a stack that throws when it is formatted loses no answer",
      "Error.prepareStackTrace = (e, s) => s[99].getFileName(); try { await tools.fail() } catch (e) { return e.message }",
      "no",
    ],
    [
      "a promise of a class is awaited once",
      "let n = 0; class Q extends Promise { then(a, b) { n++; return super.then(a, b) } }\nawait new Q((r) => r(5)); return n",
      1,
    ],
    [
      "a stack that a program reads is in its own lines",
      "function f() {\n  throw new Error('x');\n}\ntry { f() } catch (e) { return e }",
      expect.objectContaining({ stack: "Error: x\n    at f (program.js:2:9)\n    at program.js:4:7" }),
    ],
    ["a tool called fetch is fetch", "return await fetch({ url: 'u' })", "fetched u"],
    [
      "what `describe` gives is the program's own",
      "const d = tools.$describe('add'); d.inputSchema.properties = {}; return tools.$describe('add').signature + (await tools.add(1, 2))",
      "tools.add(input: { a: number; b: number }): Promise<unknown>3",
    ],
    ["a function is called what the tool is", "return [tools.add.name, tools.add.run.name]", ["add", "run"]],
  ])("%s", async ([, code, value]) => {
    const given = {
      ...tools,
      fail: () => {
        throw new Error("no");
      },
      fetch: ({ url }: { url: string }) => `fetched ${url}`,
    };
    const ran = await worker.run(code, given, { manifest: manifestOf(given, schemas) });
    expect(ran).toMatchObject({ value });
  });

  test("a console line tells the line that printed it", async () => {
    const { lines } = await run(
      "console.log(1);\nfunction f() {\n  console.warn('two');\n}\nf();\n[3].forEach((n) => console.table(n));",
    );
    expect(lines.map(({ line }) => line)).toEqual([1, 3, 6]);
  });

  test("the latest throw of a value is where it comes from", async () => {
    const code = "try { throw 'boom' } catch {}\n\nconst p = Promise.reject('boom');\nawait p";
    expect((await run(code)).error).toMatchObject({ message: "boom", line: 4 });
    const inner = "async function f() {\n  await null;\n  throw 'boom'\n}\nawait f()";
    expect((await run(inner)).error).toMatchObject({ message: "boom", line: 3 });
  });

  test("a misspelt name among thousands of tools is told at once", async () => {
    const many = Object.fromEntries(
      Array.from({ length: 5_000 }, (_, n) => [`github.list_repository_objects_by_${n}`, () => n]),
    );
    await using fresh = new WorkerPeer();
    const { error } = await fresh.run("await tools.github.list_repositry_objects_by_17()", many);
    expect(error?.message).toMatch(/did you mean tools\.github\.list_repository_objects_by_17\(/);
    expect(fresh.cpuMs).toBeLessThan(2_000);
  });

  test("a picture that is none is refused: its type and its text", async () => {
    expect((await run("image('aGk=', 'text/html\\r\\nx: y')")).error?.message).toMatch(/^The type of an image/);
    expect((await run("image('not base64!!')")).error?.message).toMatch(/^image\(\) takes base64/);
  });

  test("a large value of any shape is cut within bounds", async () => {
    const onOversize = OnOversize.ON_OVERSIZE_TRUNCATE;
    const shared = "let v = []; for (let i = 0; i < 50; i++) v = [v, v, v]; return [v, 'x'.repeat(2e6)]";
    await using fresh = new WorkerPeer();
    expect((await fresh.run(shared, {}, { onOversize })).error).toBeUndefined();
    expect(fresh.cpuMs).toBeLessThan(3_000);
    const map = await run("return new Map([['rows', Array.from({ length: 60_000 }, (_, i) => i)], ['n', 1]])", {
      onOversize,
    });
    const rows = (map.value as Map<string, unknown[]>).get("rows");
    expect(rows?.at(-1)).toMatch(/^… and \d+ more items$/);
    const page = await run(
      "class Page { items = Array.from({ length: 60_000 }, (_, i) => i); next = 2 } return new Page()",
      { onOversize },
    );
    expect(page.value).toMatchObject({ next: 2, items: expect.arrayContaining([0, 1, 2]) });
  });

  test.for<Row>([
    ["no choice", { anyOf: [] }, "never"],
    [
      "a union in an intersection",
      { allOf: [{ type: ["string", "number"] }, { type: "object" }] },
      "(string | number) & Record<string, unknown>",
    ],
    ["a pointer with escapes", { $ref: "#/$defs/a~1b", $defs: { "a/b": { type: "string" } } }, "string"],
    ["references in a circle", { $ref: "#" }, "unknown"],
  ] as never)("a signature of %s", async ([, schema, type]) => {
    const manifest = manifestOf(tools, { echo: schema as unknown as object });
    expect((await run("return tools.$describe('echo').signature", { manifest })).value).toBe(
      `tools.echo(input: ${String(type)}): Promise<unknown>`,
    );
  });

  test("a signature too long keeps what is required", async () => {
    const properties = Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`property_${n}`, { type: "string" }]));
    const manifest = manifestOf(tools, { echo: { type: "object", properties, required: ["property_199"] } });
    const { value } = await run("return tools.$describe('echo').signature", { manifest });
    expect(value).toMatch(/^tools\.echo\(input: \{ property_199: string; property_0\?: string; .*; … \}\)/);
  });
});
