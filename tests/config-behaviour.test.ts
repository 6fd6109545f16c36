import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import {
  type ClientConfigInput,
  Codemode,
  ComponentRegistry,
  ExecutorConnectionError,
  ExecutorTimeoutError,
  type Logger,
} from "@codemode/client";
import { expect, test } from "vitest";
import { keys } from "../client/src/config/schema.ts";
import { ChildExecutor } from "./executor-fixture.ts";
import { workersBecome, workersBelow } from "./processes.ts";

// Loading and precedence have their own tests; here each key is shown to change what a client does.

const registry = new ComponentRegistry();
registry.registerTool("turn", { description: "Answers", execute: () => 1 });
registry.registerTool("hang", { description: "Never answers", execute: () => new Promise(() => {}) });

async function run(config: ClientConfigInput, code: string) {
  await using codemode = Codemode.fromClientConfig({ registry, config });
  return await codemode.execute(code);
}

/** Each with a program that ends otherwise than by default. */
const budgets: readonly (readonly [key: string, config: ClientConfigInput, code: string, ending: object])[] = [
  [
    "run.timeoutMs",
    { run: { timeoutMs: 200 } },
    "await new Promise((r) => setTimeout(r, 1_000))",
    { error: { type: "Timeout" } },
  ],
  ["run.cpuMs", { run: { cpuMs: 100 } }, "for (let n = 0; n < 3e7; n++);", { error: { type: "CpuLimit" } }],
  [
    "run.heapMib",
    { run: { heapMib: 16 } },
    "return new Uint8Array(24 << 20).length",
    { error: { type: "MemoryLimit" } },
  ],
  [
    "run.maxCalls",
    { run: { maxCalls: 1 } },
    "await tools.turn(); await tools.turn()",
    { error: { type: "CallLimit" } },
  ],
  ["run.maxResultBytes", { run: { maxResultBytes: 9 } }, "return '12345678'", { error: { type: "OutputLimit" } }],
  ["run.maxLogBytes", { run: { maxLogBytes: 5 } }, "console.log('123456')", { logs: [{ text: "12345" }] }],
  ["run.maxLogLines", { run: { maxLogLines: 1 } }, "console.log(1); console.log(2)", { logs: [{ text: "1" }] }],
  ["run.maxWaitMs", { run: { maxWaitMs: 50 } }, "await tools.hang()", { error: { type: "Timeout" } }],
  ["run.toolTimeoutMs", { run: { toolTimeoutMs: 50 } }, "await tools.hang()", { error: { type: "ToolError" } }],
];

test.each(budgets)("%s", { timeout: 20_000 }, async (_key, config, code, ending) => {
  expect(await run(config, code)).toMatchObject(ending);
  if (!code.includes("hang")) expect(await run({}, code)).not.toMatchObject(ending);
});

test("run.maxCallsInFlight", async () => {
  const code = "await Promise.all(Array.from({ length: 8 }, () => tools.hang()))";
  const made = async (maxCallsInFlight?: number) =>
    (await run({ run: { maxWaitMs: 500, ...(maxCallsInFlight && { maxCallsInFlight }) } }, code)).calls.length;
  expect([await made(), await made(3)]).toEqual([8, 3]);
});

test("without run.maxCalls and run.maxCallsInFlight client and executor count to the same", async () => {
  const all = (count: number, tool: string) =>
    `await Promise.all(Array.from({ length: ${count} }, () => tools.${tool}()))`;
  expect(await run({}, all(1_000, "turn"))).toMatchObject({ error: null });
  expect(await run({}, all(1_001, "turn"))).toMatchObject({ error: { type: "CallLimit" } });
  expect(await run({ run: { maxWaitMs: 500 } }, all(65, "hang"))).toMatchObject({
    error: { type: "Timeout" },
    calls: { length: 64 },
  });
});

test("run.maxCodeBytes", async () => {
  expect(await run({ run: { maxCodeBytes: 8 } }, "return 1")).toMatchObject({ value: 1 });
  await expect(run({ run: { maxCodeBytes: 7 } }, "return 1")).rejects.toThrow(/start\.code/);
});

test("executor.workers and executor.jit", async () => {
  for (const jit of [false, true]) {
    await using codemode = Codemode.fromClientConfig({ registry, config: { executor: { workers: 3, jit } } });
    await codemode.execute("return 1");
    await workersBecome(3);
    const command = readFileSync(`/proc/${workersBelow(process.pid)[0]?.pid}/cmdline`, "latin1");
    expect(command.includes("--jitless")).toBe(!jit);
  }
});

test("executor.isolation", async () => {
  const sameWorker = async (isolation: "isolate" | "process") => {
    await using codemode = Codemode.fromClientConfig({ registry, config: { executor: { workers: 1, isolation } } });
    await codemode.execute("return 1");
    await workersBecome(1);
    const [before] = workersBelow(process.pid);
    await codemode.execute("return 2");
    await workersBecome(1);
    return workersBelow(process.pid)[0]?.pid === before?.pid;
  };
  expect(await sameWorker("isolate")).toBe(true);
  expect(await sameWorker("process")).toBe(false);
});

test("executor.startTimeoutMs", async () => {
  await expect(run({ executor: { startTimeoutMs: 1 }, retry: { enabled: false } }, "return 1")).rejects.toThrow(
    ExecutorTimeoutError,
  );
});

test("executor.connectTimeoutMs", async () => {
  const silent = createServer((socket) => socket.on("error", () => {}));
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const { port } = silent.address() as { port: number };
  const executor = { url: `127.0.0.1:${port}`, connectTimeoutMs: 50 };
  await expect(run({ executor, retry: { enabled: false } }, "return 1")).rejects.toThrow(/50 ms/);
  silent.close();
});

test("executor.mode, executor.url and executor.apiKey", async () => {
  await using executor = await ChildExecutor.start();
  const remote = { mode: "remote", url: executor.address, apiKey: executor.key } as const;
  await using codemode = Codemode.fromClientConfig({ config: { executor: remote } });
  expect(await codemode.health()).toMatchObject({ serving: true, address: executor.address });
  expect((await codemode.execute("return 2")).value).toBe(2);
  const url = `127.0.0.1:9,${executor.address}`; // nobody is at the first
  await using several = Codemode.fromClientConfig({ config: { executor: { ...remote, url }, retry: { baseMs: 1 } } });
  expect(await several.health()).toMatchObject({ serving: true, address: executor.address });
  expect(await several.execute("return 3")).toMatchObject({ value: 3, attempts: 1 });
  await using embedded = Codemode.fromClientConfig({ config: { executor: { ...remote, mode: "embedded" } } });
  expect((await embedded.health()).address).not.toBe(executor.address);
});

test("retry.enabled, retry.maxAttempts, retry.baseMs, retry.maxMs and retry.maxElapsedMs", async () => {
  const waits = async (retry: ClientConfigInput["retry"]) => {
    const found: number[] = [];
    const note = (fields: object) => "waitMs" in fields && found.push(Number(fields.waitMs));
    const logger: Logger = { debug: note, info: note, warn: note, error: note };
    const config = { executor: { url: "127.0.0.1:9" }, retry, observability: { logLevel: "debug" } } as const;
    await using codemode = Codemode.fromClientConfig({ registry, config, logger });
    await expect(codemode.execute("return 1")).rejects.toThrow(ExecutorConnectionError);
    return found;
  };
  expect(await waits({ enabled: false })).toEqual([]);
  expect(await waits({ maxAttempts: 4, baseMs: 1 })).toHaveLength(3);
  const doubling = await waits({ maxAttempts: 3, baseMs: 20 });
  expect(doubling[0]).toBeGreaterThanOrEqual(20);
  expect(doubling[1]).toBeGreaterThanOrEqual(40);
  expect((await waits({ maxAttempts: 4, baseMs: 20, maxMs: 30 })).slice(1)).toEqual([30, 30]);
  const [first = 0, ...more] = await waits({ maxAttempts: 4, baseMs: 60_000, maxMs: 60_000, maxElapsedMs: 60 });
  expect(first).toBeLessThanOrEqual(60);
  expect(more).toEqual([]);
});

test("observability.logLevel and observability.correlationIdPrefix", async () => {
  const levels = async (logLevel: "debug" | "error" | "silent") => {
    const heard = new Set<string>();
    const hear = (level: string) => (fields: object) => {
      heard.add(level);
      if ("correlationId" in fields) expect(fields.correlationId).toMatch(/^job-/);
    };
    const logger: Logger = { debug: hear("debug"), info: hear("info"), warn: hear("warn"), error: hear("error") };
    const observability = { logLevel, correlationIdPrefix: "job" };
    const config = { executor: { url: "127.0.0.1:9" }, retry: { enabled: false }, observability };
    await using codemode = Codemode.fromClientConfig({ registry, config, logger });
    await expect(codemode.execute("return 1")).rejects.toThrow(ExecutorConnectionError);
    return [...heard].toSorted();
  };
  expect(await levels("debug")).toEqual(["debug", "error"]);
  expect(await levels("error")).toEqual(["error"]);
  expect(await levels("silent")).toEqual([]);
});

test("every key is in one of these tests", () => {
  const others = ["docker-mode.test.ts", "tls.test.ts"].map((name) => new URL(name, import.meta.url));
  const files = [import.meta.filename, ...others];
  const source = files.map((file) => readFileSync(file, "utf8")).join("");
  const missing = [...keys.values()].filter(({ name, section }) => !source.includes(`${section}.${name}`));
  expect(missing.map(({ path }) => path)).toEqual([]);
});
