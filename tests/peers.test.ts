// The cases on which four other systems were measured (docs/PEERS.md), asked of ours.
import { readFileSync } from "node:fs";
import { Codemode, ComponentRegistry, type Outcome } from "@codemode/client";
import { afterAll, beforeEach, expect, test } from "vitest";

let open = 0;
let mostOpen = 0;
const registry = new ComponentRegistry();
registry.registerTool("wait", {
  description: "Takes 200 ms",
  execute: async () => {
    mostOpen = Math.max(mostOpen, (open += 1));
    await new Promise((done) => setTimeout(done, 200));
    open -= 1;
    return "waited";
  },
});
registry.registerTool("fail", {
  description: "Fails",
  execute: () => {
    throw new TypeError("the tool says no");
  },
});
registry.registerTool("hang", { description: "Never settles", execute: () => new Promise(() => {}) });

const config = { executor: { mode: "embedded" }, run: { cpuMs: 500 } } as const;
const codemode = Codemode.fromClientConfig({ registry, config });
afterAll(() => codemode.close());
beforeEach(() => {
  mostOpen = 0;
});

const failed = (type: string, more: object = {}) => ({ status: "failed", error: { type, ...more } });
const ok = (value: unknown) => ({ status: "ok", value, error: null });

/** Each case of the table: a program, and what must come of it. */
const cases: Record<string, { code: string; outcome: object; maxWaitMs?: number; also?: (outcome: Outcome) => void }> =
  {
    "5 × 200 ms tools in `Promise.all`": {
      code: "return (await Promise.all([1, 2, 3, 4, 5].map(() => tools.wait()))).length",
      outcome: ok(5),
      also: () => expect(mostOpen).toBe(5),
    },
    "`async () => 42`": { code: "async () => 42", outcome: ok(42) },
    "last expression `x + 1`": { code: "const x = 41;\nx + 1", outcome: ok(42) },
    "a ` ```ts ` fence around the code": { code: "```ts\nreturn 42\n```", outcome: ok(42) },
    "TypeScript annotations": { code: "const x: number = 42;\nreturn x", outcome: ok(42) },
    '`throw "boom"`': { code: 'throw "boom"', outcome: failed("RuntimeError", { message: "boom", line: 1 }) },
    "`throw null`": { code: "throw null", outcome: failed("RuntimeError", { message: "null", line: 1 }) },
    "place of an uncaught error": {
      code: "const a = 1;\n  null.x",
      outcome: failed("RuntimeError", { line: 2, column: 8 }),
    },
    "a tool throws a TypeError": {
      code: "await tools.fail()",
      outcome: failed("ToolError", { name: "TypeError", message: "the tool says no", tool: "fail", seq: 1, line: 1 }),
    },
    "`console.log({ a: 1 })`": {
      code: "console.log({ a: 1 })",
      outcome: { status: "ok", logs: [{ level: "log", text: "{ a: 1 }", line: 1 }] },
    },
    "a tool call that nobody awaits": {
      code: "tools.hang();\nreturn 1",
      outcome: { ...ok(1), warnings: [expect.stringMatching(/tools\.hang\(\) .* was not awaited.*\(line 1\)/)] },
    },
    "`await new Promise(() => {})`": { code: "await new Promise(() => {})", outcome: failed("Deadlock", { line: 1 }) },
    "a tool that never settles": { code: "await tools.hang()", maxWaitMs: 700, outcome: failed("Timeout") },
    "an endless loop": { code: "for (;;);", outcome: failed("CpuLimit") },
    "an endless loop after an await": { code: "await tools.wait();\nfor (;;);", outcome: failed("CpuLimit") },
    "memory without end": {
      code: "const all = [];\nfor (;;) all.push(new Array(1e5).fill(1.5));",
      outcome: failed("MemoryLimit"),
    },
    "`console.log` without end": {
      code: "for (;;) console.log('x'.repeat(1000))",
      outcome: failed("CpuLimit"),
      also: ({ logs }) => expect(Buffer.byteLength(logs.map(({ text }) => text).join(""))).toBeLessThanOrEqual(65_536),
    },
    "a Map as the value": { code: "return new Map([[1, new Set([2])]])", outcome: ok(new Map([[1, new Set([2])]])) },
    "a function in the value": {
      code: "return { save() {} }",
      outcome: failed("Unserializable", { message: "value.save is a function" }),
    },
    "forging the result from inside": {
      code: `for (const key of Reflect.ownKeys(globalThis)) {
        try { if (typeof globalThis[key] === "function") globalThis[key]("succeed", "666") } catch {}
        try { Object.defineProperty(globalThis, key, { value: () => 666 }) } catch {}
      }
      Promise.prototype.then = (done) => done(666);
      return 42`,
      outcome: ok(42),
    },
  };

test.for(Object.entries(cases))("%s", async ([, { code, outcome, maxWaitMs = 5_000, also }]) => {
  const came = await codemode.execute(code, { budgets: { maxWaitMs } });
  expect(came).toMatchObject(outcome);
  also?.(came);
  expect(await codemode.execute("return 'next'")).toMatchObject(ok("next"));
});

test("docs/PEERS.md has a row for each case, and no other", () => {
  const text = readFileSync(new URL("../docs/PEERS.md", import.meta.url), "utf8");
  const rows = [...text.matchAll(/^\| (.+?) \| \*\*/gm)].map(([, name]) => String(name));
  expect(new Set(rows)).toEqual(new Set(Object.keys(cases)));
});
