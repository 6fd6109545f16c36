import { Codemode, ComponentRegistry } from "@codemode/client";
import { afterAll, expect, test, vi } from "vitest";
import { z } from "zod";

const registry = new ComponentRegistry();
const user = z.object({ id: z.number(), name: z.string(), email: z.string().optional() });
registry.registerTool("users.list", {
  description: "Lists users",
  inputSchema: z.object({ limit: z.number().int().max(100).optional(), role: z.enum(["admin", "member"]).optional() }),
  outputSchema: z.array(user),
  execute: ({ limit = 3 }) => Array.from({ length: limit }, (_, id) => ({ id, name: `u${id}` })),
});
registry.registerTool("users.get", {
  description: "Gets one user",
  inputSchema: z.object({ id: z.number() }),
  outputSchema: user,
  execute: ({ id }) => {
    if (id > 9) throw Object.assign(new Error(`no user ${id}`), { code: "E_NOT_FOUND" });
    return { id, name: `u${id}` };
  },
});
registry.registerTool("sendEmail", {
  description: "Sends an email",
  inputSchema: z.object({ to: z.string(), subject: z.string(), body: z.string().optional() }),
  execute: () => "sent",
});
registry.registerTool("readText", { description: "Reads a text", execute: () => "<html>not json</html>" });
registry.registerTool("broken", {
  description: "Breaks its schema",
  outputSchema: z.string(),
  execute: () => 5 as never,
});
registry.registerTool("flaky", {
  description: "Is busy",
  execute: () => {
    throw Object.assign(new Error("too many requests"), { code: 429, retryable: true });
  },
});
registry.registerTool("slow", { description: "Takes its time", execute: () => new Promise(() => {}) });
registry.registerAgent("writer", {
  description: "Writes",
  inputSchema: z.object({ topic: z.string() }),
  run: () => "text",
});

const codemode = Codemode.fromClientConfig({ registry, config: { run: { cpuMs: 400, timeoutMs: 20_000 } } });
afterAll(() => codemode.close());

/** Realistic programs of models that do not work; each must read so that the next one does. */
const programs: Record<string, string> = {
  "a misspelt tool": "const users = await tools.users.lst({ limit: 2 });\nreturn users",
  "a tool without its namespace": "return await tools.listUsers({ limit: 2 })",
  "a tool that there is none like": "return await tools.deleteEverything()",
  "a misspelt agent": "return await agents.wirter.run({ topic: 'x' })",
  "a bare agent name": "return await writer({ topic: 'x' })",
  "callTool with a wrong name": "return await callTool('users.fetch', { id: 1 })",
  "a misspelt argument": "return await tools.sendEmail({ to: 'a@b.c', subjct: 'hi' })",
  "an argument of the wrong type": "const id = '1';\nreturn await tools.users.get({ id })",
  "an argument that is missing": "return await tools.users.get({})",
  "arguments by position, too many": "return await tools.users.get(1, 2, 3)",
  "a value out of range": "return await tools.users.list({ limit: 1000 })",
  "a value that is none of an enum": "return await tools.users.list({ role: 'owner' })",
  "a text where an object is needed": "return await tools.sendEmail('hello')",
  "await is missing before a property": "const user = tools.users.get({ id: 1 });\nreturn user.name",
  "await is missing before a loop": "for (const u of tools.users.list({})) console.log(u)",
  "await is missing in an argument": "return await tools.users.get({ id: tools.users.list({}) })",
  "a promise in the value": "return { users: tools.users.list({}) }",
  "await in a function that is not async":
    "function load() {\n  const users = await tools.users.list({});\n  return users;\n}\nreturn load()",
  "a property of undefined": "const user = await tools.users.get({ id: 1 });\nreturn user.profile.email",
  "a method of undefined": "const [first] = [];\nreturn first.toString()",
  "a function that is none": "const users = await tools.users.list({});\nreturn users.filterBy('x')",
  "taking apart what is missing": "const { profile: { email } } = await tools.users.get({ id: 1 });\nreturn email",
  "bad JSON": "const text = await tools.readText();\nreturn JSON.parse(text)",
  "JSON.parse of an object": "const user = await tools.users.get({ id: 1 });\nreturn JSON.parse(user)",
  require: "const fs = require('fs');\nreturn fs.readFileSync('/etc/passwd', 'utf8')",
  import: "import axios from 'axios';\nreturn await axios.get('http://x')",
  "dynamic import": "const { readFile } = await import('node:fs/promises');\nreturn await readFile('/etc/passwd')",
  process: "return process.env.HOME",
  fetch: "const response = await fetch('https://example.com');\nreturn response.json()",
  "a bracket that is missing": "const xs = [1, 2, 3;\nreturn xs.map((x) => x * 2)",
  "a brace too many": "if (true) {\n  return 1;\n}}\nreturn 2",
  "a text that is not closed": "const s = 'it's';\nreturn s",
  "a TypeScript error": "const n: number = 1;\ninterface A { x: }\nreturn n",
  "a decorator": "@sealed\nclass A {}\nreturn new A()",
  "a name declared twice": "const x = 1;\nconst x = 2;\nreturn x",
  "a constant assigned to": "const total = 0;\nfor (const n of [1, 2]) total += n;\nreturn total",
  "a name used before its declaration": "const y = x + 1;\nconst x = 1;\nreturn y",
  "a loop that never ends": "let page = 0;\nwhile (true) {\n  page += 1;\n}",
  "recursion without end": "const walk = (n) => walk(n + 1);\nreturn walk(0)",
  "memory without end": "const rows = [];\nfor (;;) {\n  rows.push(new Array(1e5).fill(1.5));\n}",
  "a deadlock": "const ready = new Promise((resolve) => {});\nconsole.log('waiting');\nawait ready;\nreturn 1",
  "a function in the value": "return { users: [1, { save() {} }] }",
  "a class instance with nothing to show": "class Api { #key = 1 }\nreturn { api: new Api() }",
  "a value that is too large": "return 'x'.repeat(2_000_000)",
  "too many calls": "for (let i = 0; i < 2000; i++) await tools.readText();",
  "a tool that throws": "const user = await tools.users.get({ id: 10 });\nreturn user",
  "a tool that may succeed later": "console.log('trying');\nreturn await tools.flaky()",
  "a tool that breaks its own schema": "return await tools.broken()",
  "a thrown text": "const users = await tools.users.list({});\nif (users.length < 10) throw 'not enough users';",
  "a thrown null": "throw null",
  "a rejection with an object": "await Promise.reject({ reason: 'nope', code: 7 })",
  "an error with a cause": "try {\n  null.x\n} catch (cause) {\n  throw new Error('wrapped', { cause })\n}",
  "a deep stack": "function a() { b() }\nfunction b() { c() }\nfunction c() { throw new RangeError('deep') }\na()",
  "context that is changed": "context.user = 'me';\nreturn context",
  "nothing returned": "const x = 1 + 1;",
  "a call that nobody awaited": "tools.sendEmail({ to: 'a', subject: 'b' });\nreturn 'done'",
  "a rejection that nobody awaited": "Promise.reject(new Error('lost'));\nreturn 'done'",
  "a date that is none": "return new Date('soon').toISOString()",
};

test.for(Object.entries(programs))("the model reads how to mend %s", async ([what, code]) => {
  const outcome = await codemode.execute(code);
  // A call that nobody awaits may be over or not when the program is.
  const isRace = /await|promise/.test(what);
  const text = outcome.toModelText().replace(/^(Calls: .*) (succeeded|unknown|not started)$/m, isRace ? "$1 …" : "$&");
  expect(text.length).toBeLessThanOrEqual(4_000);
  expect(text).toMatchSnapshot();
});

test("a time-out in a loop names the line of the loop", async () => {
  const code = "let n = 0;\nconsole.log('go');\nwhile (n >= 0) {\n  n = (n + 1) % 7;\n}";
  // A worker that is held up has no time to tell where its program was.
  await vi.waitFor(
    async () => {
      const outcome = await codemode.execute(code, { timeoutMs: 300, budgets: { cpuMs: 10_000 } });
      expect(outcome.error).toMatchObject({ type: "Timeout", line: expect.any(Number) });
      expect([3, 4]).toContain(outcome.error?.line);
    },
    { timeout: 20_000 },
  );
});

test("a time-out while a tool is awaited names the tool", async () => {
  const outcome = await codemode.execute("return await tools.slow()", { budgets: { maxWaitMs: 300 } });
  expect(outcome.toModelText()).toMatch(/^Timeout: .*300 ms\nFix: .*\nCalls: slow unknown$/);
});
