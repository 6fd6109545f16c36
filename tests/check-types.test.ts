import { Codemode, ComponentRegistry } from "@codemode/client";
import { access } from "@codemode/proto/discovery";
import { sample } from "fast-check";
import { afterAll, expect, test } from "vitest";
import { z } from "zod";
import { checkTypes } from "../client/src/check/index.ts";
import { compileJsonSchema } from "../client/src/registry/json-schema.ts";
import { corpus } from "./fixtures/tools/corpus.ts";
import { valuesOf } from "./fixtures/tools/values.ts";

const object = (properties: object, required: readonly string[], more: object = {}) => ({
  type: "object",
  properties,
  required,
  ...more,
});
let called = 0;
const registry = new ComponentRegistry();
const add = (name: string, inputSchema: object) =>
  registry.registerTool(name, {
    description: name,
    inputSchema: inputSchema as never,
    execute: () => void (called += 1),
  });

add(
  "mail.send",
  object(
    {
      to: { type: "string" },
      subject: { type: "string" },
      kind: { enum: ["a", "b"] },
      n: { type: "integer" },
      tags: { type: "array", items: { type: "string" } },
    },
    ["to", "subject"],
    { additionalProperties: false },
  ),
);
add("open", object({ q: { type: "string" } }, ["q"]));
add("loose", { properties: { q: { type: "string" } } });
add("either", {
  ...object({ a: { type: "string" }, b: { type: "string" } }, []),
  anyOf: [{ required: ["a"] }, { required: ["b"] }],
});
add("coerced", z.object({ n: z.coerce.number(), later: z.string().catch("x") }));
const codemode = Codemode.fromClientConfig({ registry, config: { executor: { mode: "embedded" } } });
afterAll(() => codemode.close());

const check = (code: string) => checkTypes(code, registry.listTools());

test("what cannot succeed is told before anything is called, as the executor would tell it", async () => {
  const code = 'await tools.open({ q: "x" });\nreturn await tools.mail.send({ to: "a", subjct: "b" });';
  const outcome = await codemode.execute(code, { check: "types" });
  expect(called).toBe(0);
  expect(outcome.toModelText()).toBe(
    `ToolInputError in mail.send at line 2, column 41: Object literal may only specify known properties, but 'subjct' does not exist in type '{ to: string; subject: string; kind?: "a" | "b"; n?: number; tags?: string[]; }'. Did you mean to write 'subject'? Found before the program ran: nothing was called.
Fix: change the input of tools.mail.send as its signature says
Signature: tools.mail.send(input: { to: string; subject: string; kind?: "a" | "b"; n?: number; tags?: string[] }): Promise<unknown>
  1 | await tools.open({ q: "x" });
> 2 | return await tools.mail.send({ to: "a", subjct: "b" });
    |                                         ^`,
  );
  expect((await codemode.execute(code)).calls.length).toBe(2);
});

test.for<readonly [what: string, code: string, line: number]>([
  ["a member is missing", 'await tools.mail.send({ to: "a" })', 1],
  [
    "a member is missing in a list of calls",
    "const l = [1];\nawait Promise.all(l.map((x) =>\n  tools.open({ qq: x })))",
    3,
  ],
  ["a constant is of another type", '\nreturn tools.mail.send({ to: "a", subject: 5 })', 2],
  ["a constant is none of a choice", "return tools['mail']['send']({ to: 'a', subject: 'b', kind: 'c' })", 1],
  ["an item is of another type", 'return tools["mail"].send({ to: "a", subject: "b", tags: ["x", 6] })', 1],
  ["the program is an arrow function", "async () => {\n  return tools.open({ q: true })\n}", 2],
  ["the program is TypeScript in a fence", "```ts\nconst x: number = 1;\nreturn tools.open({ q: 1 });\n```", 3],
])("told: %s", async ([, code, line]) => {
  expect(await check(code)).toMatchObject({ type: "ToolInputError", line });
});

test.for<readonly [what: string, code: string]>([
  ["all is right", 'return tools.mail.send({ to: "a", subject: "b", kind: "a", n: 1.5, tags: [] })'],
  ["a member that an open schema lets pass", "return tools.open({ q: 'x', more: 1 })"],
  ["a value that only the run knows", "const r = await tools.open({ q: 'a' }); return tools.open({ q: r.id })"],
  ["a variable of a wider type", "let kind = 'a'; return tools.mail.send({ to: kind, subject: kind, kind })"],
  ["an input that is built up", "const input = {}; input.q = 'x'; return tools.open(input)"],
  ["a spread", "const base = JSON.parse('{}'); return tools.mail.send({ ...base })"],
  ["a computed name", "const k = 'q'; return tools.open({ [k]: 'x' })"],
  ["null and undefined for members", "return tools.mail.send({ to: 'a', subject: 'b', n: undefined })"],
  ["a failure that is caught", "try { await tools.open({}) } catch (error) { return error.message }"],
  ["a failure that is settled", "return Promise.allSettled([tools.open({})])"],
  ["tools of the program's own", "const tools = { open(x: { a: string }) { return x } };\nreturn tools.open({ b: 1 })"],
  ["a schema that coerces", "return tools.coerced({ n: '5' })"],
  ["a schema without a type", "return tools.loose({ q: 5 })"],
  ["one of two members", "return [tools.either({ a: 'x' }), tools.either({ b: 'x' })]"],
  ["arguments by position", "return tools.open({ q2: 1 }, 2)"],
  ["another spelling", "return [tools.mail_send({}), codemode.open({}), callTool('open', {}), tools.open.run({})]"],
  [
    "types of the program's own",
    "const x: { a: string } = { a: 1 as any };\nconst y: { b: string } = { c: 1 };\nreturn tools.open({ q: x.a })",
  ],
  ["a function in the input", "return tools.open({ q: ((x) => `${x}`)({ zz: 1 }) })"],
  ["a text that looks like a call", "const s = 'tools.open({})'; // tools.open({})\nreturn s.length"],
  ["a syntax error", "return tools.open({ q: 1 "],
  [
    "files that the program would have the compiler read",
    '/// <reference path="/etc/passwd" />\nimport x = require("/etc/passwd");\nreturn tools.open({ q: x })',
  ],
])("not told: %s", async ([, code]) => {
  expect(await check(code)).toBeUndefined();
});

test("no call of 1,470 public tools with an input that its schema accepts is told", async () => {
  const public_ = new ComponentRegistry();
  const lines = corpus().flatMap(({ name, ...tool }, at) => {
    public_.registerTool(name, { ...tool, execute: () => null });
    const values = sample(valuesOf(tool.inputSchema), { numRuns: 3, seed: at }).filter(
      (value) => compileJsonSchema(tool.inputSchema).check(value).ok,
    );
    return values.map((value) => `await ${access("tool", name)}(${JSON.stringify(value)});`);
  });
  expect(lines.length).toBeGreaterThan(3_000);
  expect(await checkTypes(lines.join("\n"), public_.listTools())).toBeUndefined();
  const wrong = "await tools.filesystem.read_text_file({ path: 5 });";
  expect(await checkTypes([...lines, wrong].join("\n"), public_.listTools())).toMatchObject({ line: lines.length + 1 });
});

test("a check that is none is refused", async () => {
  await expect(codemode.execute("1", { check: "all" as never })).rejects.toThrow('check "all" is not "types"');
});
