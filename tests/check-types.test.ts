import { Codemode, ComponentRegistry } from "@codemode/client";
import { access } from "@codemode/proto/discovery";
import { type Arbitrary, constantFrom, letrec, oneof, sample, tuple, array, constant } from "fast-check";
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
add(
  "nested",
  object(
    {
      v: {
        anyOf: [
          object({ kind: { const: "a" }, opts: { type: "string" } }, ["kind"], { additionalProperties: false }),
          object(
            {
              kind: { const: "b" },
              opts: {
                anyOf: [object({ x: { type: "string" } }, [], { additionalProperties: false }), { type: "string" }],
              },
            },
            ["kind"],
            { additionalProperties: false },
          ),
        ],
      },
    },
    ["v"],
  ),
);
add("coerced", z.object({ n: z.coerce.number(), later: z.string().catch("x") }));
const codemode = Codemode.fromClientConfig({ registry, config: { executor: { mode: "embedded" } } });
afterAll(() => codemode.close());

/** Programs of statements, each of which may call a tool as it should or should not. */
const { program } = letrec<{ program: string; statements: string; statement: string; expression: string }>((tie) => {
  const text = (...parts: readonly (string | Arbitrary<string>)[]) =>
    tuple(...parts.map((part) => (typeof part === "string" ? constant(part) : part))).map((all) => all.join(""));
  const [statements, expression] = [tie("statements"), tie("expression")];
  const condition = constantFrom("config.yes", "!config.yes");
  const good = constant("tools.open({ q: 'x' })");
  const call = oneof({ weight: 2, arbitrary: good }, constantFrom("tools.open({ q: 5 })", "tools.open({})"));
  return {
    program: oneof(
      { weight: 4, arbitrary: statements },
      text("async () => {", statements, "}"),
      text("async function main() {", statements, "}"),
      text("async function main() {", statements, "}\nawait main()"),
      text("(async () => {", statements, "})()"),
      text("try {", statements, "} catch {}"),
      text("const x: number = 1;\n", statements),
    ),
    statements: array(tie("statement"), { minLength: 1, maxLength: 4, depthIdentifier: "s" }).map((all) =>
      all.join("\n"),
    ),
    statement: oneof(
      { depthSize: "small", depthIdentifier: "s", withCrossShrink: true },
      text(expression, ";"),
      text("{ const a = ", expression, "; }"),
      text("if (", condition, ") return ", expression, ";"),
      text("if (", condition, ") {", statements, "} else {", statements, "}"),
      text("try {", statements, "} catch {", statements, "}"),
      text("try {", statements, "} finally { console.log(1) }"),
      text("for (const x of ", constantFrom("[1]", "config.none"), ") {", statements, "}"),
      text(
        "for (let i = 0; i < 2; i++) { if (",
        condition,
        ") ",
        constantFrom("break", "continue"),
        ";",
        statements,
        "}",
      ),
      text(
        "{ const f = async () => {",
        statements,
        "};",
        constantFrom("", "await f();", "f();", "await f().catch(() => {});"),
        "}",
      ),
      text("switch (", condition, ") { case true: ", statements, "break; default: ", statements, "}"),
      text("out: { if (", condition, ") break out;", statements, "}"),
    ),
    expression: oneof(
      { depthSize: "small", depthIdentifier: "e" },
      text("await ", call),
      text("void ", call, ".catch(() => {})"),
      call,
      text("await Promise.all([", call, ", ", call, "])"),
      text("await Promise.allSettled([", call, "])"),
      text("await Promise.race([", good, ", ", call, "])"),
      text("(", condition, " && ", expression, ")"),
      text("(", condition, " ? ", expression, " : ", expression, ")"),
      text("[", expression, ", ", expression, "].length"),
      text("config.no?.(", expression, ")"),
      text("await (async () => { return ", expression, " })()"),
    ),
  };
});

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
    "a member is missing beside one that only the run knows",
    "await tools.mail.send({ to: config.to, n: config.n })",
    1,
  ],
  ["a constant is of another type", '\nreturn tools.mail.send({ to: "a", subject: 5 })', 2],
  ["a constant is none of a choice", "return tools['mail']['send']({ to: 'a', subject: 'b', kind: 'c' })", 1],
  ["an item is of another type", 'return tools["mail"].send({ to: "a", subject: "b", tags: ["x", 6] })', 1],
  ["in a list of calls", "await Promise.all([\n  tools.open({ q: 'x' }),\n  tools.open({ q: 5 }),\n])", 3],
  ["in a part of an expression", "const { length } = `${(await tools.open({ q: 1 }))}`;\nreturn length", 1],
  ["in a condition", "if (await tools.open({ q: 1 })) return 1", 1],
  ["in what a loop goes over", "for (const x of await tools.open({ q: 1 })) console.log(x)", 1],
  ["in the input of another call", "return tools.open({ q: await tools.open({ q: 1 }) })", 1],
  ["behind a branch that goes on", "if (config.a) { console.log(1) }\nreturn tools.open({ q: 1 })", 2],
  ["behind what catches something else", "try { JSON.parse('') } catch {}\nreturn tools.open({ q: 1 })", 2],
  ["the program is an arrow function", "async () => {\n  return tools.open({ q: true })\n}", 2],
  ["the program is a function of the tools", "async ({ tools }) => tools.open({ q: true })", 1],
  ["the program calls itself", "(async () => {\n  await tools.open({ q: true })\n})()", 2],
  ["the program has a main", "async function main() {\n  await tools.open({ q: true })\n}", 2],
  [
    "the program calls its main",
    "const main = async () => {\n  await tools.open({ q: 1 });\n  return 1;\n};\nreturn await main()",
    2,
  ],
  ["the program is TypeScript in a fence", "```ts\nconst x: number = 1;\nreturn tools.open({ q: 1 });\n```", 3],
])("told: %s", async ([, code, line]) => {
  expect(await check(code)).toMatchObject({ type: "ToolInputError", line });
  expect((await codemode.execute(code)).status).toBe("failed");
});

test.for<readonly [what: string, code: string]>([
  ["all is right", 'return tools.mail.send({ to: "a", subject: "b", kind: "a", n: 1, tags: [] })'],
  ["a member that an open schema lets pass", "return tools.open({ q: 'x', more: 1 })"],
  ["a value that only the run knows", "const r = await tools.open({ q: 'a' }); return tools.open({ q: String(r) })"],
  ["a variable of a wider type", "let kind = 'a'; return tools.mail.send({ to: kind, subject: kind, kind })"],
  ["an input that is built up", "const input = {}; input.q = 'x'; return tools.open(input)"],
  ["a spread", 'const base = JSON.parse(\'{"q":"x"}\'); return tools.open({ ...base })'],
  ["what a spread overrides", "const base = {}; base['q'] = 'x'; return tools.open({ q: 5, ...base })"],
  ["a computed name", "const k = 'q'; return tools.open({ [k]: 'x' })"],
  ["undefined for a member", "return tools.mail.send({ to: 'a', subject: 'b', n: undefined })"],
  ["undefined for a member that there is not", "return tools.mail.send({ to: 'a', subject: 'b', no: config.no })"],
  ["an object that is sent as another", "return tools.open({ toJSON: () => ({ q: 'x' }) })"],
  ["a member twice", "return tools.open({ q: 5, q: 'x' })"],
  ["a member of one of two types", "const u = undefined; return tools.nested({ v: { kind: 'b', opts: { no: u } } })"],
  ["a call that nobody waits for", "tools.open({ q: 5 }); return 1"],
  ["a call beside what is exported", "module.exports = () => 1;\ntools.open({ q: 5 })"],
  ["a failure that is caught", "try { await tools.open({}) } catch (error) { return error.message }"],
  ["a failure that is caught elsewhere", "const f = async () => { await tools.open({}) };\nawait f().catch(() => {})"],
  ["a failure that is settled", "await Promise.allSettled([tools.open({})])"],
  ["a failure that is outrun", "return Promise.race([1, tools.open({})])"],
  ["a branch that is not taken", "if (config.never) await tools.open({ q: 5 })"],
  ["a choice that is not made", "return config.never ? tools.open({ q: 5 }) : 1"],
  ["what is not come to", "return config.never && (await tools.open({ q: 5 }))"],
  ["what is behind ?.", "return config.never?.(await tools.open({ q: 5 })) ?? 1"],
  ["a case that is none", "switch (config.never) { case 1: await tools.open({ q: 5 }) }"],
  ["a loop over nothing", "for (const x of []) await tools.open({ q: 5 })"],
  ["a list of nothing", "return Promise.all([].map((x) => tools.open({ q: 5 })))"],
  ["a default that is not needed", "const { a = await tools.open({ q: 5 }) } = { a: 1 }; return a"],
  ["a function that is not called", "const f = async () => { await tools.open({ q: 5 }) };\nreturn 1"],
  [
    "a function that gets another meaning",
    "let f = async () => { await tools.open({ q: 5 }) }; f = () => 1; return f()",
  ],
  ["behind an early return", "if (!config.never) return 1;\nawait tools.open({ q: 5 })"],
  ["behind a loop that returns", "for (const x of [1]) { if (x) return x }\nawait tools.open({ q: 5 })"],
  ["behind try that returns", "try { return 1 } finally { console.log(1) }\nawait tools.open({ q: 5 })"],
  ["behind a block that is left", "a: { if (!config.never) break a; await tools.open({ q: 5 }) }\nreturn 1"],
  ["behind an early return of main", "async function main() { if (!config.never) return 1; await tools.open({}) }"],
  ["a main that is not the program", "async function main() { await tools.open({}) }\nresult = 1"],
  ["an early return in TypeScript", "const x = 1 as number;\nif (x) return x;\nreturn tools.open({ q: 5 })"],
  [
    "tools of the program's own",
    "const own = { open: (x) => x };\n{ const tools = own; return await tools.open({ q: 5 }) }",
  ],
  ["tools that are given", "const f = async (tools) => { await tools.open({ q: 5 }) };\nreturn await f({ open() {} })"],
  ["promises of the program's own", "Promise.all = () => 1; return await Promise.all([tools.open({ q: 5 })])"],
  [
    "promises of another make",
    "Object.getPrototypeOf(async () => {}).x = 1; Promise['all'] = () => 1; return await Promise.all([tools.open({ q: 5 })])",
  ],
  ["a schema that coerces", "return tools.coerced({ n: '5', later: 5 })"],
  ["a schema without a type", "return tools.loose({ q: 'x', more: 5 })"],
  ["one of two members", "return [await tools.either({ a: 'x' }), await tools.either({ b: 'x' })]"],
  [
    "another spelling",
    "return [await tools.open.run({ q: 'x' }), await codemode.open({ q: 'x' }), await callTool('open', { q: 'x' })]",
  ],
  ["a function in the input", "return tools.open({ q: ((x) => `${x}`)({ zz: 1 }) })"],
  ["a text that looks like a call", "const s = 'tools.open({})'; // tools.open({})\nreturn s.length"],
])("not told, and runs to its end: %s", async ([, code]) => {
  expect(await check(code)).toBeUndefined();
  expect((await codemode.execute(code)).error).toBeNull();
});

test.for<readonly [what: string, code: string]>([
  ["arguments by position", "return tools.open({ q2: 1 }, 2)"],
  ["a throw before", "if (config.never === undefined) throw new Error('mine');\nawait tools.open({ q: 5 })"],
  ["a syntax error", "return tools.open({ q: 1 "],
  ["what is nested too deeply", `await tools.open({ q: ${"[".repeat(50_000)}`],
  [
    "TypeScript that is nested too deeply",
    `const x: number = ${"(".repeat(20_000)}1${")".repeat(20_000)};\ntools.open({ q: 1 })`,
  ],
  ["files that the program would have read", 'import x = require("/etc/passwd");\nreturn tools.open({ q: 1 })'],
])("not told, and fails on its own: %s", async ([, code]) => {
  expect(await check(code)).toBeUndefined();
});

test("no program of random branches, loops, handlers and early ends that runs to its end is told", async () => {
  let told = 0;
  let ended = 0;
  for (const code of sample(program, { numRuns: 120, seed: 7 })) {
    const failure = await check(code);
    const outcome = await codemode.execute(code, { config: { yes: true, none: [] } });
    if (failure) told += 1;
    if (outcome.status === "ok") ended += 1;
    expect(failure && outcome.status === "ok" ? code : undefined).toBeUndefined();
  }
  expect(told).toBeGreaterThan(8);
  expect(ended).toBeGreaterThan(30);
}, 60_000);

test("no input that a public tool accepts is told, whatever of it only the run knows", async () => {
  const { tools, values } = accepted(2);
  let seed = 1;
  const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below;
  for (let at = 0; at < values.length; at += 500) {
    const known: string[] = ["undefined"];
    const written = (value: unknown): string => {
      if (random(4) === 0) return `v[${known.push(JSON.stringify(value)) - 1}]`;
      if (Array.isArray(value)) return `[${value.map(written).join(", ")}]`;
      return typeof value === "object" && value !== null ? members(value) : JSON.stringify(value);
    };
    const members = (value: object): string => {
      const all = Object.entries(value).map(([key, child]) => {
        const name = JSON.stringify(key);
        return `${random(50) === 0 || key === "__proto__" ? `[${name}]` : name}: ${written(child)}`;
      });
      if (random(2) === 0) all.splice(random(all.length + 1), 0, "no_such_member: v[0]");
      return `{ ${all.join(", ")} }`;
    };
    const lines = values
      .slice(at, at + 500)
      .map(([name, value]) => `await ${access("tool", name)}(${members(value as object)});`);
    const code = [`const v = [${known.join(", ")}];`, ...lines].join("\n");
    expect(await checkTypes(code, tools)).toBeUndefined();
    expect(await checkTypes(`${code}\nawait tools.filesystem.read_text_file({ path: 5 });`, tools)).toBeDefined();
  }
});

test("no call of 1,470 public tools with an input that its schema accepts is told", async () => {
  const { tools, values } = accepted(3);
  const lines = values.map(([name, value]) => `await ${access("tool", name)}(${JSON.stringify(value)});`);
  expect(lines.length).toBeGreaterThan(3_000);
  // At once they would be longer than what is read.
  for (let at = 0; at < lines.length; at += 500) {
    expect(await checkTypes(lines.slice(at, at + 500).join("\n"), tools)).toBeUndefined();
  }
  const wrong = "await tools.filesystem.read_text_file({ path: 5 });";
  expect(await checkTypes([...lines.slice(0, 200), wrong].join("\n"), tools)).toMatchObject({ line: 201 });
});

/** The public tools, and inputs that they accept. */
function accepted(each: number) {
  const public_ = new ComponentRegistry();
  const values = corpus().flatMap(({ name, ...tool }, at) => {
    public_.registerTool(name, { ...tool, execute: () => null });
    return sample(valuesOf(tool.inputSchema), { numRuns: each, seed: at })
      .filter((value) => compileJsonSchema(tool.inputSchema).check(value).ok)
      .map((value) => [name, value] as const);
  });
  return { tools: public_.listTools(), values };
}

test("a check that is none is refused", async () => {
  await expect(codemode.execute("1", { check: "all" as never })).rejects.toThrow('check "all" is not "types"');
});
