import { createHash } from "node:crypto";
import { mkdtempDisposableSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Metadata, status } from "@grpc/grpc-js";
import { type GetInfoResponse, readStatusDetails, RunErrorType, toMs } from "@codemode/proto";
import { expect, test } from "vitest";
import { type RunBudgets, wireBudgets } from "../executor/src/session/budgets.ts";
import { loadConfig } from "../executor/src/config/config.ts";
import { type Fixture, startInProcess, Stream, unary } from "./executor-fixture.ts";
import { withAsk } from "./journal-fixture.ts";

// G3: a key says who calls, and how much it may use.

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** A file of keys that is gone with the test. */
function keysFile(yaml: string): Disposable & { readonly path: string } {
  const folder = mkdtempDisposableSync(join(tmpdir(), "cm-"));
  const path = join(folder.path, "keys.yaml");
  writeFileSync(path, yaml);
  return { path, [Symbol.dispose]: () => folder.remove() };
}

async function startWith(yaml: string, env: Record<string, string> = {}): Promise<Fixture> {
  using file = keysFile(yaml);
  return await startInProcess({ CODEMODE_EXECUTOR_API_KEYS_FILE: file.path, ...env });
}

/** How a call is answered that runs a program with `key`. */
async function outcome(executor: Fixture, key: string, code = "return 1", start = {}) {
  await using stream = new Stream(executor.client, key);
  stream.start(code, start);
  stream.call.resume();
  return await stream.status;
}

test("each key of a file is served, also while it is replaced by another, and the log names its id", async () => {
  using secret = mkdtempDisposableSync(join(tmpdir(), "cm-"));
  writeFileSync(join(secret.path, "key"), "in-a-file\n");
  await using executor = await startWith(`
keys:
  - { id: plain, key: in-clear }
  - { id: hashed, sha256: [${sha256("old-one")}, ${sha256("new-one")}] }
  - { id: filed, keyFile: ${join(secret.path, "key")} }
`);
  const presented = ["in-clear", "old-one", "new-one", "in-a-file"];
  for (const key of presented) expect(await outcome(executor, key)).toMatchObject({ code: status.OK });
  expect(await outcome(executor, "in-clear2")).toMatchObject({ code: status.UNAUTHENTICATED });
  const ended = executor.log.filter((line) => "outcome" in line);
  expect(ended.map((line) => (line as { apiKey?: string }).apiKey)).toEqual(["plain", "hashed", "hashed", "filed"]);
  for (const key of presented) expect(JSON.stringify(executor.log)).not.toContain(key);
});

test("tenants of the same name under two keys never share a worker", async () => {
  await using executor = await startWith("keys: [{ id: a, key: key-a }, { id: b, key: key-b }]");
  const [worker] = executor.executor.pool.pids;
  expect(await outcome(executor, "key-a", "return 1", { tenant: "t" })).toMatchObject({ code: status.OK });
  expect(executor.executor.pool.pids).toEqual([worker]);
  expect(await outcome(executor, "key-b", "return 1", { tenant: "t" })).toMatchObject({ code: status.OK });
  expect(executor.executor.pool.pids).not.toContain(worker);
});

test("a key's maxRuns bounds its runs at a time, and no other's", async () => {
  await using executor = await startWith("keys: [{ id: a, key: key-a, maxRuns: 2 }, { id: b, key: key-b }]");
  await using one = new Stream(executor.client, "key-a");
  await using two = new Stream(executor.client, "key-a");
  for (const stream of [one, two]) {
    stream.start("return await tools.ask()", withAsk);
    await stream.next("idle");
  }
  const refused = await outcome(executor, "key-a");
  expect(refused).toMatchObject({ code: status.RESOURCE_EXHAUSTED, details: expect.stringContaining("has 2 already") });
  expect(readStatusDetails(refused.metadata).retryAfterMs).toBeGreaterThan(0);
  expect(await outcome(executor, "key-b")).toMatchObject({ code: status.OK });
  one.answer(1, 1);
  await one.next("finished");
  await one[Symbol.asyncDispose]();
  await expect.poll(async () => (await outcome(executor, "key-a")).code).toBe(status.OK);
});

test("a key's rate lets a burst pass, then says when to come again", async () => {
  await using executor = await startWith(
    "keys: [{ id: a, key: key-a, rate: { perSecond: 0.01, burst: 3 } }, { id: b, key: key-b }]",
  );
  const codes: number[] = [];
  for (let i = 0; i < 3; i++) codes.push((await outcome(executor, "key-a")).code);
  expect(codes).toEqual([status.OK, status.OK, status.OK]);
  const refused = await outcome(executor, "key-a");
  expect(refused.code).toBe(status.RESOURCE_EXHAUSTED);
  const { retryAfterMs = 0 } = readStatusDetails(refused.metadata);
  expect(retryAfterMs).toBeGreaterThan(50_000);
  expect(retryAfterMs).toBeLessThanOrEqual(100_000);
  expect(await outcome(executor, "key-b")).toMatchObject({ code: status.OK });
});

test("a key's budgets are its ceilings and lower its defaults", async () => {
  await using executor = await startWith(`
keys:
  - { id: a, key: key-a, budgets: { wallMs: 1000, calls: 3 } }
  - { id: b, key: key-b }
`);
  const info = async (key: string) => {
    const metadata = new Metadata();
    metadata.set("authorization", `Bearer ${key}`);
    const { maxBudgets, defaultBudgets } = await unary<GetInfoResponse>((reply) =>
      executor.client.getInfo({}, metadata, reply),
    );
    return [maxBudgets?.calls, toMs(maxBudgets!.wallTime!), defaultBudgets?.calls, toMs(defaultBudgets!.wallTime!)];
  };
  expect(await info("key-a")).toEqual([3, 1_000, 3, 1_000]);
  expect(await info("key-b")).toEqual([100_000, 600_000, 1_000, 30_000]);
  const asked = { budgets: { calls: 4, wallTime: undefined, cpuTime: undefined, waitTime: undefined } };
  const refused = await outcome(executor, "key-a", "return 1", asked);
  expect(refused).toMatchObject({ code: status.INVALID_ARGUMENT, details: expect.stringContaining("between 0 and 3") });
  expect(readStatusDetails(refused.metadata).field).toBe("start.budgets.calls");
  expect(await outcome(executor, "key-b", "return 1", asked)).toMatchObject({ code: status.OK });
  await using stream = new Stream(executor.client, "key-a");
  const late = await stream.run("for (;;);", {}, {});
  expect(late.error?.type).toBe(RunErrorType.RUN_ERROR_TYPE_TIMEOUT);
});

test("each budget of a key lowers what its runs get, and may ask for", async () => {
  const low: Omit<RunBudgets, "cost"> = {
    wallMs: 1_001,
    waitMs: 1_002,
    cpuMs: 103,
    heapBytes: 33_554_432,
    calls: 4,
    callsInFlight: 5,
    codeBytes: 1_006,
    argumentBytes: 1_007,
    answerBytes: 1_008,
    resultBytes: 1_009,
    logBytes: 1_010,
    logLines: 11,
  };
  await using executor = await startWith(`keys: [{ id: a, key: key-a, budgets: ${JSON.stringify(low)} }]`);
  const metadata = new Metadata();
  metadata.set("authorization", "Bearer key-a");
  const told = await unary<GetInfoResponse>((reply) => executor.client.getInfo({}, metadata, reply));
  const wanted = wireBudgets({ ...low, cost: undefined });
  expect(told).toMatchObject({ maxBudgets: wanted, defaultBudgets: wanted });
});

test.each([
  ["nothing", "", "1:1: Invalid input: expected object"],
  ["no list", "keys: 3", "1:1: keys: Invalid input: expected array"],
  [
    "an unknown key",
    "keys:\n  - id: a\n    key: hush\n    wieght: 2",
    "4:5: keys[0].wieght: unknown key, did you mean weight?",
  ],
  [
    "an unknown budget",
    "keys:\n  - id: a\n    key: hush\n    budgets: { wall: 2 }",
    "4:16: keys[0].budgets.wall: unknown key; there are wallMs",
  ],
  ["a bad id", "keys:\n  - id: a b\n    key: hush", "2:5: keys[0].id: 1 to 64 characters"],
  ["no secret", "keys:\n  - id: a", "2:5: keys[0]: one of key, keyFile and sha256 is needed"],
  ["two kinds", `keys:\n  - id: a\n    key: hush\n    sha256: ${"a".repeat(64)}`, "2:5: keys[0]: one of key"],
  ["a bad hash", "keys:\n  - id: a\n    sha256: hush", "3:5: keys[0].sha256[0]: 64 hexadecimal digits"],
  ["no weight", "keys:\n  - { id: a, key: hush, weight: 0 }", "2:25: keys[0].weight: Too small"],
  ["a ceiling over ours", "keys:\n  - { id: a, key: hush, budgets: { cpuMs: 60001 } }", "2:36: keys[0].budgets.cpuMs"],
  ["an id twice", "keys:\n  - { id: a, key: hush }\n  - { id: a, key: hush2 }", "3:7: keys[1].id: another key has"],
  ["a key twice", "keys:\n  - { id: a, key: hush }\n  - { id: b, key: hush }", "3:14: keys[1].key: it is the key of a"],
  ["a file that is not there", "keys:\n  - { id: a, keyFile: ./none }", '2:14: keys[0].keyFile: cannot read "./none"'],
  ["broken YAML", "keys: [{ id: a, key: 'hush }]", "1:"],
])("a file of keys is refused with the place, and without the key: %s", async (_name, yaml, problem) => {
  using file = keysFile(yaml);
  const read = () => loadConfig([], { CODEMODE_EXECUTOR_API_KEYS_FILE: file.path });
  await expect(read()).rejects.toThrow(`${file.path}:${problem}`);
  await expect(read()).rejects.not.toThrow(/hush/);
});

test("all problems of a file are told at once", async () => {
  using file = keysFile("keys:\n  - { id: a, weight: 0 }\n  - { id: b, key: x, maxRuns: 0 }");
  await expect(loadConfig([], { CODEMODE_EXECUTOR_API_KEYS_FILE: file.path })).rejects.toThrow(/:2:[^]*\n[^]*:3:/);
  await expect(loadConfig([], { CODEMODE_EXECUTOR_API_KEYS_FILE: `${file.path}x` })).rejects.toThrow(
    /cannot read .*ENOENT/,
  );
  const both = { CODEMODE_EXECUTOR_API_KEYS_FILE: file.path, CODEMODE_EXECUTOR_API_KEY: "x" };
  await expect(loadConfig([], both)).rejects.toThrow(/API_KEY and CODEMODE_EXECUTOR_API_KEYS_FILE are both set/);
});
