import { spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pipeline } from "node:stream/promises";
import { expect, test, vi } from "vitest";
import type { GetInfoResponse } from "@codemode/proto";
import { type CallInfo, Codemode, ComponentRegistry, type ExecuteOptions } from "../client/src/index.ts";
import { type Fixture, startInProcess, unary } from "./executor-fixture.ts";
import { withAsk } from "./journal-fixture.ts";

// Whatever ends a run, all that it had is free within a second: its handlers are told, its worker and stream are gone.

const WITHIN_MS = 1_000;

/** Fails when the executor still has anything of the `runs` that ended after a second, or has not the `others`. */
async function freed({ client, executor, keep, log }: Fixture, runs: number, others = 0): Promise<void> {
  const look = async () => {
    const { inFlight } = await unary<GetInfoResponse>((reply) => client.getInfo({}, reply));
    const ended = log.filter((fields) => "outcome" in fields).length;
    const { lent } = executor.pool;
    expect({ ended, inFlight, lent, kept: others > 0 || keep.bytes }).toEqual({
      ended: runs,
      inFlight: others,
      lent: others,
      kept: others > 0 || 0,
    });
  };
  await vi.waitFor(look, { timeout: WITHIN_MS, interval: 5 });
}

interface Case {
  readonly code: string;
  /** How many of its calls go on for ever. */
  readonly waiting: number;
  /** Another run takes its worker meanwhile. */
  readonly isParked?: boolean;
}

/** Programs in the states in which a run can be ended. */
const programs: Record<string, Case> = {
  "waits for tools": { code: "await Promise.all([tools.wait(), tools.wait()])", waiting: 2 },
  "waits for an item of a stream": { code: "for await (const n of tools.stream()) console.log(n)", waiting: 1 },
  "waits without a worker": { code: "await tools.wait()", waiting: 1, isParked: true },
  "waits for an item without a worker": {
    code: "for await (const n of tools.stream()) console.log(n)",
    waiting: 1,
    isParked: true,
  },
  "runs, and has tools that nobody awaits yet": {
    code: "tools.wait(); for (let n = 0; n < 3e6; n++); tools.wait(); for (;;);",
    waiting: 2,
  },
  "runs, and does not take the answers that are on their way to it": {
    code: "tools.wait(); const all = Array.from({ length: 40 }, () => tools.large()); await all[0]; for (;;);",
    waiting: 1,
  },
};

/** A client of an executor, and a run that is where it is to be ended. */
async function running({ code, waiting, isParked = false }: Case, options: ExecuteOptions = {}) {
  const executor = await startInProcess();
  const config = { executor: { mode: "remote", url: executor.executor.address } } as const;
  const signals: AbortSignal[] = [];
  const large = "x".repeat(500_000);
  const registry = new ComponentRegistry();
  const begun = Promise.withResolvers<void>();
  let open = code.includes("large") ? 40 : 0;
  let items = code.includes("stream") ? 1 : 0;
  const look = () => signals.length === waiting && open <= 0 && items <= 0 && begun.resolve();
  registry.registerTool("wait", {
    description: "Waits for ever",
    execute: (_, { signal }) => (signals.push(signal), look(), new Promise(() => {})),
  });
  registry.registerTool("stream", {
    description: "Yields once, and waits for ever",
    execute: async function* (_: unknown, { signal }: CallInfo) {
      signals.push(signal);
      yield 1;
      await new Promise(() => {});
    },
  });
  registry.registerTool("large", { description: "Says much", execute: () => large });
  const codemode = Codemode.fromClientConfig({ registry, config });
  const onCall: ExecuteOptions["onCall"] = ({ state }) => state === "succeeded" && ((open -= 1), look());
  const onLog: ExecuteOptions["onLog"] = () => ((items -= 1), look());
  const outcome = codemode.execute(code, { ...options, onCall, onLog });
  await begun.promise;
  const begunAt = performance.now();
  const holder = isParked ? executor.open() : undefined;
  holder?.start("return await tools.ask(1)", withAsk);
  await holder?.next("idle");
  if (isParked) expect(executor.executor.pool.lent).toBe(1); // of two runs
  return {
    begunAt,
    executor,
    codemode,
    signals,
    outcome,
    /** Fails when anything of it is left after a second. */
    async freed() {
      expect(signals.every(({ aborted }) => aborted)).toBe(true);
      if (holder) await freed(executor, 1, 1);
      await holder?.[Symbol.asyncDispose]();
      await freed(executor, holder ? 2 : 1);
    },
    async [Symbol.asyncDispose]() {
      await holder?.[Symbol.asyncDispose]();
      await codemode.close();
      await executor[Symbol.asyncDispose]();
    },
  };
}

test.each(Object.entries(programs))("a program that %s is freed when its caller aborts", async (_, program) => {
  const caller = new AbortController();
  await using it = await running(program, { signal: caller.signal });
  caller.abort(new Error("enough"));
  await it.freed();
  expect(await it.outcome).toMatchObject({ error: { type: "Cancelled" } });
});

test.each(Object.entries(programs))("a program that %s is freed when its client closes", async (_, program) => {
  await using it = await running(program);
  const closing = it.codemode.close();
  await it.freed();
  await closing;
  expect(await it.outcome).toMatchObject({ error: { type: "Cancelled" } });
});

test.each(Object.entries(programs))("a program that %s is freed when its time is over", async (_, program) => {
  const timeoutMs = 1_500;
  await using it = await running(program, { timeoutMs, budgets: { maxWaitMs: timeoutMs } });
  const outcome = await it.outcome;
  expect(performance.now() - it.begunAt - timeoutMs).toBeLessThan(WITHIN_MS);
  expect(outcome).toMatchObject({ error: { type: "Timeout" } });
  await it.freed();
});

/** A way to an executor on which only so much passes until it is opened. */
async function narrow(url: string, bytes: number) {
  const [opened, filled] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const [host, port] = [url.slice(0, url.lastIndexOf(":")), Number(url.slice(url.lastIndexOf(":") + 1))];
  const server = createServer((socket) => {
    const inner = connect(port, host);
    inner.pipe(socket).on("error", () => {});
    let passed = 0;
    const narrowing = async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        passed += chunk.length;
        if (passed > bytes) {
          filled.resolve();
          await opened.promise;
        }
        yield chunk;
      }
    };
    pipeline(socket, narrowing, inner).catch(() => {}); // either end may go
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    server,
    full: filled.promise,
    open: () => opened.resolve(),
  };
}

test.each([
  ["its caller aborts", (caller: AbortController) => caller.abort(new Error("enough"))],
  ["its client closes", (_: AbortController, codemode: Codemode) => void codemode.close()],
])("a run whose components are still on their way is freed when %s", async (_, end) => {
  await using executor = await startInProcess();
  const way = await narrow(executor.executor.address, 1_000_000);
  const registry = new ComponentRegistry();
  const description = "x".repeat(500_000);
  for (let n = 0; n < 10; n++) registry.registerTool(`tool_${n}`, { description, execute: () => n });
  const config = { executor: { mode: "remote", url: way.url } } as const;
  await using codemode = Codemode.fromClientConfig({ registry, config });
  const caller = new AbortController();
  const outcome = codemode.execute("return 1", { signal: caller.signal });
  await way.full; // some of them are there
  end(caller, codemode);
  expect(await outcome).toMatchObject({ error: { type: "Cancelled" }, calls: [] });
  way.open();
  await freed(executor, 0); // it never began, so it has no line of its own in the log
  way.server.close();
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
