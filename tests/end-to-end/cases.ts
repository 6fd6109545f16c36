import { type CallInfo, type ClientConfigInput, Codemode, ComponentRegistry } from "@codemode/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";

// What an app may rely on wherever its executor is: one list, for every target.

/** An executor somewhere, and a hand on its workers. Disposal ends it, and fails when anything of it is left. */
export interface Target extends AsyncDisposable {
  /** How a client comes to it. */
  readonly config: ClientConfigInput;
  /** Ends every worker process that it has, by SIGKILL. */
  killWorkers(): void | Promise<void>;
  /** Resolves when it has all its workers again. */
  whole(): Promise<void>;
}

/** Declares the cases, in a `describe` of their own. */
export function endToEnd(name: string, open: () => Promise<Target>): void {
  describe(`end to end, ${name}`, () => {
    cases(open);
  });
}

function cases(open: () => Promise<Target>): void {
  let target: Target;
  let registry: ComponentRegistry;
  let codemode: Codemode;
  let seen: { input: unknown; call: CallInfo; current: unknown }[];

  beforeAll(async () => {
    target = await open();
    seen = [];
    registry = new ComponentRegistry();
    registry.registerTool("add", {
      description: "Adds two numbers",
      inputSchema: z.object({ a: z.number(), b: z.number() }),
      outputSchema: z.number(),
      execute: async ({ a, b }) => a + b,
    });
    registry.registerTool("who", {
      description: "Tells the client of the context",
      execute: async (input, call) => {
        await new Promise((resolve) => setImmediate(resolve));
        seen.push({ input, call, current: registry.getContext()?.get("clientId") });
        return call.context.get("clientId");
      },
    });
    registry.registerTool("fail", {
      description: "Fails",
      execute: () => {
        throw Object.assign(new RangeError("no such row"), { code: "E_ROW" });
      },
    });
    registry.registerAgent("writer", { description: "Writes", run: async (input) => ({ wrote: input }) });
    codemode = Codemode.fromClientConfig({ registry, config: target.config });
  });

  afterAll(async () => {
    await codemode.close();
    await target[Symbol.asyncDispose]();
  });

  test("execute() runs a program with the app's tools and tells all about it", async () => {
    const outcome = await codemode
      .withContext({ clientId: "acme" })
      .execute("console.log('adding'); return await tools.add({ a: 40, b: 2 })", { timeoutMs: 5_000 });
    expect(outcome).toMatchObject({
      status: "ok",
      value: 42,
      error: null,
      calls: [{ seq: 1, name: "add", state: "succeeded" }],
      logs: [{ level: "log", text: "adding" }],
      usage: { calls: 1 },
      executionId: expect.any(String),
      correlationId: expect.stringMatching(/^cm-/),
      attempts: 1,
    });
    expect(outcome.usage.wallMs).toBeGreaterThan(0);
    expect(outcome.unwrap()).toBe(42);
  });

  test("100 runs at once in 100 contexts: none sees another's, every call is made in its own", async () => {
    seen.length = 0;
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, (_, n) =>
        codemode
          .withContext({ clientId: `client ${n}` })
          .execute(
            "const [a, b] = await Promise.all([tools.who({}), tools.who({})]); return [a, b, await tools.who({}), context.clientId]",
          ),
      ),
    );
    expect(outcomes.map(({ value }) => value)).toEqual(
      Array.from({ length: 100 }, (_, n) => Array.from({ length: 4 }, () => `client ${n}`)),
    );
    expect(seen).toHaveLength(300);
    for (const { call, current } of seen) expect(current).toBe(call.context.get("clientId"));
    expect(new Set(seen.map(({ call }) => call.idempotencyKey)).size).toBe(300);
  }, 60_000);

  test("secrets reach handlers and never the program", async () => {
    let secret: unknown;
    registry.registerTool("spy", {
      description: "Reads a secret",
      execute: async (_, call) => void (secret = call.context.get("token")),
    });
    const outcome = await codemode
      .withContext({ visible: 1 }, { secrets: { token: "s3cret-value" } })
      .execute("await tools.spy({}); return JSON.stringify([context, config, Object.keys(globalThis)])");
    expect(secret).toBe("s3cret-value");
    expect(outcome.value).toContain("visible");
    expect(JSON.stringify(outcome)).not.toContain("s3cret-value");
  });

  describe("a run that ends badly leaves the next one alone", () => {
    const cases: readonly (readonly [code: string, types: readonly string[]])[] = [
      ["while (true);", ["CpuLimit", "Timeout"]],
      ["await tools.add({ a: 1, b: 1 }); for (;;);", ["CpuLimit", "Timeout"]],
      ["throw Object.defineProperty(new Error(), 'message', { get() { for (;;); } })", ["CpuLimit", "Timeout"]],
      ["throw { get message() { for (;;); } }", ["RuntimeError"]], // shown without being read
      [
        "Promise.reject({ get message() { for (;;); } }); await tools.add({ a: 1, b: 1 }); return 1",
        ["CpuLimit", "Timeout"],
      ],
      ["return Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)", ["CpuLimit", "Timeout"]],
      ["return new ArrayBuffer(2 ** 30)", ["MemoryLimit"]],
      ["const all = []; for (;;) all.push('x'.repeat(1 << 20) + all.length)", ["MemoryLimit"]],
      ["return new Array(2 ** 27).fill(0).length", ["MemoryLimit", "CpuLimit"]],
      ["return 'x'.repeat(2 ** 28 + 1).split('').length", ["MemoryLimit"]],
      ["await new Promise(() => {})", ["Deadlock"]],
      ["return await tools.fail({})", ["ToolError"]],
      ["return await tools.add({ a: 'x', b: 1 })", ["ToolInputError"]],
      ["return await tools.ad({ a: 1, b: 1 })", ["UnknownTool"]],
      ["retrun 1", ["SyntaxError"]],
    ];
    test.for(cases)("%s", { timeout: 60_000 }, async ([code, types]) => {
      // Collecting garbage on every core is CPU time as well: what is to meet its memory limit gets more time of both kinds.
      const [timeoutMs, cpuMs] = types.includes("MemoryLimit") ? [30_000, 40_000] : [2_000, 1_000];
      const outcome = await codemode.execute(code, { timeoutMs, budgets: { cpuMs } });
      expect(outcome.status).toBe("failed");
      expect(types).toContain(outcome.error?.type);
      expect(outcome.usage.wallMs).toBeLessThan(timeoutMs + 1_000);
      expect((await codemode.execute("return 6 * 7")).value).toBe(42);
    });
  });

  test("logs written before a program was ended are in its outcome", async () => {
    const outcome = await codemode.execute("console.log('before'); for (;;);", { budgets: { cpuMs: 300 } });
    expect(outcome).toMatchObject({ error: { type: "CpuLimit" }, logs: [{ text: "before" }] });
  });

  test("a worker that is killed in mid-run is replaced, its run goes on, and the pool is whole again", async () => {
    const started = Promise.withResolvers<void>();
    const answered = Promise.withResolvers<string>();
    let calls = 0;
    registry.registerTool("answerLater", {
      description: "Answers when the test says so",
      execute: () => {
        calls += 1;
        started.resolve();
        return answered.promise;
      },
    });
    const running = codemode.execute("return await tools.answerLater({})");
    await started.promise;
    await target.killWorkers();
    answered.resolve("late");
    expect(await running).toMatchObject({ status: "ok", value: "late", attempts: 1 });
    expect(calls).toBe(1);
    const next = await Promise.all(Array.from({ length: 8 }, () => codemode.execute("return 1")));
    expect(next.map(({ value }) => value)).toEqual(Array.from({ length: 8 }, () => 1));
    await target.whole();
  });

  test("the caller's signal ends the run and the handlers' signals fire", async () => {
    const caller = new AbortController();
    const aborted = Promise.withResolvers<unknown>();
    registry.registerTool("wait", {
      description: "Waits",
      execute: (_, { signal }) => {
        signal.addEventListener("abort", () => aborted.resolve(signal.reason));
        caller.abort(new Error("enough"));
        return new Promise(() => {});
      },
    });
    const outcome = await codemode.execute("await tools.wait({})", { signal: caller.signal });
    expect(outcome).toMatchObject({ status: "failed", error: { type: "Cancelled" } });
    await aborted.promise;
  });

  test("agents are called by run", async () => {
    expect((await codemode.execute("return await agents.writer.run({ about: 'x' })")).value).toEqual({
      wrote: { about: "x" },
    });
  });
}
