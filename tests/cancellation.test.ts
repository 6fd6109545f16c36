import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, test, vi } from "vitest";
import type { GetInfoResponse } from "@codemode/proto";
import { Codemode, ComponentRegistry, type ExecuteOptions } from "../client/src/index.ts";
import { type Fixture, startInProcess, unary } from "./executor-fixture.ts";

// Whatever ends a run, all that it had is free within a second: its handlers are told, its worker and stream are gone.

const WITHIN_MS = 1_000;

/** Fails when the executor still has anything of a run after a second. */
async function freed({ client, executor, keep, log }: Fixture, runs: number): Promise<void> {
  const look = async () => {
    const { inFlight } = await unary<GetInfoResponse>((reply) => client.getInfo({}, reply));
    const ended = log.filter((fields) => "outcome" in fields).length;
    expect({ ended, inFlight, lent: executor.pool.lent, kept: keep.bytes }).toEqual({
      ended: runs,
      inFlight: 0,
      lent: 0,
      kept: 0,
    });
  };
  await vi.waitFor(look, { timeout: WITHIN_MS, interval: 5 });
}

/** Programs in the states in which a run can be ended, each with the number of its calls that go on for ever. */
const programs = {
  "waits for tools": ["await Promise.all([tools.wait(), tools.wait()])", 2],
  "runs, and has a tool that nobody awaits yet": ["const slow = tools.wait(); for (;;);", 1],
  "runs, and does not take the answers that are on their way to it": [
    "tools.wait(); const all = Array.from({ length: 40 }, () => tools.large()); await all[0]; for (;;);",
    1,
  ],
} as const;

/** A client of an executor, and a run that is where it is to be ended. */
async function running([code, waiting]: readonly [string, number], options: ExecuteOptions = {}) {
  const executor = await startInProcess();
  const config = { executor: { mode: "remote", url: executor.executor.address } } as const;
  const signals: AbortSignal[] = [];
  const large = "x".repeat(500_000);
  const registry = new ComponentRegistry();
  const begun = Promise.withResolvers<void>();
  let open = code.includes("large") ? 40 : 0;
  const look = () => signals.length === waiting && open === 0 && begun.resolve();
  registry.registerTool("wait", {
    description: "Waits for ever",
    execute: (_, { signal }) => (signals.push(signal), look(), new Promise(() => {})),
  });
  registry.registerTool("large", { description: "Says much", execute: () => large });
  const codemode = Codemode.fromClientConfig({ registry, config });
  const onCall: ExecuteOptions["onCall"] = ({ state }) => state === "succeeded" && ((open -= 1), look());
  const outcome = codemode.execute(code, { ...options, onCall });
  await begun.promise;
  return {
    begun: performance.now(),
    executor,
    codemode,
    signals,
    outcome,
    async [Symbol.asyncDispose]() {
      await codemode.close();
      await executor[Symbol.asyncDispose]();
    },
  };
}

test.each(Object.entries(programs))("a program that %s is freed when its caller aborts", async (_, program) => {
  const caller = new AbortController();
  await using it = await running(program, { signal: caller.signal });
  caller.abort(new Error("enough"));
  expect(it.signals.every(({ aborted }) => aborted)).toBe(true);
  await freed(it.executor, 1);
  expect(await it.outcome).toMatchObject({ error: { type: "Cancelled" } });
});

test.each(Object.entries(programs))("a program that %s is freed when its client closes", async (_, program) => {
  await using it = await running(program);
  const closing = it.codemode.close();
  expect(it.signals.every(({ aborted }) => aborted)).toBe(true);
  await freed(it.executor, 1);
  await closing;
  expect(await it.outcome).toMatchObject({ error: { type: "Cancelled" } });
});

test.each(Object.entries(programs))("a program that %s is freed when its time is over", async (_, program) => {
  const timeoutMs = 1_500;
  await using it = await running(program, { timeoutMs, budgets: { maxWaitMs: timeoutMs } });
  const outcome = await it.outcome;
  expect(performance.now() - it.begun - timeoutMs).toBeLessThan(WITHIN_MS);
  expect(outcome).toMatchObject({ error: { type: "Timeout" } });
  expect(it.signals.every(({ aborted }) => aborted)).toBe(true);
  await freed(it.executor, 1);
});

test("what an app ran is freed when the app is killed", async () => {
  await using executor = await startInProcess({ CODEMODE_EXECUTOR_WORKERS: "2" });
  const app = spawn(process.execPath, [join(import.meta.dirname, "killed-app.ts")], {
    env: { ...process.env, CODEMODE_EXECUTOR_URL: executor.executor.address },
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(createInterface({ input: app.stdout }), "line"); // one program spins, another waits
  expect(executor.executor.pool.lent).toBeGreaterThan(0);
  app.kill("SIGKILL");
  await freed(executor, 2);
});
