import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { Codemode, ComponentRegistry } from "../client/src/index.ts";
import { startInProcess } from "./executor-fixture.ts";

// More runs than workers, each waiting for something.

test("a tool that itself runs a program, eight deep on one worker, does not deadlock", async () => {
  await using executor = await startInProcess();
  const registry = new ComponentRegistry();
  const made: string[] = [];
  await using codemode = Codemode.fromClientConfig({
    registry,
    config: { executor: { mode: "remote", url: executor.executor.address } },
  });
  registry.registerTool("deeper", {
    description: "",
    execute: async ({ levels }: { levels: number }, { idempotencyKey }) => {
      made.push(idempotencyKey);
      const code = `console.log(${levels}); return 1 + ${levels > 0 ? `await tools.deeper({ levels: ${levels - 1} })` : 0}`;
      return (await codemode.execute(code)).unwrap();
    },
  });
  const outcomes = await Promise.all([1, 2].map(() => codemode.execute("return await tools.deeper({ levels: 7 })")));
  for (const outcome of outcomes) expect(outcome).toMatchObject({ error: null, value: 8 });
  expect([made.length, new Set(made).size]).toEqual([16, 16]);
  expect([executor.keep.bytes, executor.executor.pool.pids.length]).toEqual([0, 1]);
});

const many = Number(process.env["CHAOS_PROGRAMS"] ?? 0) > 1_000 ? 300 : 60; // the long form takes its time

test(`${many} runs that each wait three times for a slow tool share two workers, and make each call once`, async () => {
  await using executor = await startInProcess({ CODEMODE_EXECUTOR_WORKERS: "2" });
  const registry = new ComponentRegistry();
  const made = new Map<string, number>();
  await using codemode = Codemode.fromClientConfig({
    registry,
    config: { executor: { mode: "remote", url: executor.executor.address } },
  });
  registry.registerTool("slow", {
    description: "",
    execute: async ({ n }: { n: number }, { idempotencyKey }) => {
      made.set(idempotencyKey, (made.get(idempotencyKey) ?? 0) + 1);
      await sleep(200);
      return n;
    },
  });
  const run = (n: number) =>
    codemode.execute(`let sum = 0; for (const i of [1, 2, 3]) sum += await tools.slow({ n: ${n} * i }); return sum`);
  const outcomes = await Promise.all(Array.from({ length: many }, (_, n) => run(n)));
  expect(outcomes.map(({ value, error }) => error ?? value)).toEqual(outcomes.map((_, n) => 6 * n));
  expect([made.size, Math.max(...made.values())]).toEqual([3 * many, 1]);
  expect(outcomes.every(({ attempts }) => attempts === 1)).toBe(true);
  expect(executor.keep.bytes).toBe(0);
}, 180_000);

test("close({ wait: true }) lets handlers start the runs that theirs need, and nobody else", async () => {
  await using executor = await startInProcess();
  const registry = new ComponentRegistry();
  const begun = Promise.withResolvers<void>();
  const closing = Promise.withResolvers<void>();
  const codemode = Codemode.fromClientConfig({
    registry,
    config: { executor: { mode: "remote", url: executor.executor.address } },
  });
  registry.registerTool("nested", {
    description: "",
    execute: async () => {
      begun.resolve();
      await closing.promise;
      return (await codemode.execute("return 20")).unwrap();
    },
  });
  const outer = codemode.execute("return 1 + await tools.nested()");
  await begun.promise;
  const closed = codemode.close({ wait: true });
  await expect(codemode.execute("return 1")).rejects.toThrow(/the client is closed/);
  closing.resolve();
  expect((await outer).unwrap()).toBe(21);
  await closed;
});
