import { mkdtempDisposableSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { readStatusDetails } from "@codemode/proto";
import { expect, test } from "vitest";
import { ChildExecutor, connect, Stream } from "./executor-fixture.ts";

// One key sends 50 times what the executor can do, and another key's runs take as long as they did, near enough.

const WORKERS = 2;
const TIMES_CAPACITY = 50;
const TENANTS = 4; // of the key that floods: its workers change hands all the time
const TICK_MS = 20;
const ROUNDS = 3;
const RUNS_PER_ROUND = 15;
const code = "let n = 0; for (let i = 0; i < 16_000_000; i++) n += i % 7; return n";

test(`a flood of ${TIMES_CAPACITY} times the capacity under one key does not double the p95 latency of another's runs`, async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), "cm-"));
  const file = join(folder.path, "keys.yaml");
  writeFileSync(file, "keys: [{ id: calm, key: calm }, { id: flood, key: flood }]");
  await using executor = await ChildExecutor.start({
    CODEMODE_EXECUTOR_WORKERS: String(WORKERS),
    CODEMODE_EXECUTOR_QUEUE: "32",
    CODEMODE_EXECUTOR_API_KEYS_FILE: file,
  });
  const [calm, flooding] = [connect(executor.address), connect(executor.address)];

  const runMs = async (): Promise<number> => {
    const startedAt = performance.now();
    await using stream = new Stream(calm, "calm");
    const { error } = await stream.run(code, {}, {});
    expect(error).toBeUndefined();
    return performance.now() - startedAt;
  };
  const round = async (): Promise<number[]> => {
    const took: number[] = [];
    while (took.length < RUNS_PER_ROUND) took.push(await runMs());
    return took;
  };

  const ends: { readonly code: status; readonly retryAfterMs: number | undefined; readonly ms: number }[] = [];
  let sent = 0;
  /** One run of the flood. */
  const drop = async (): Promise<void> => {
    const startedAt = performance.now();
    const stream = new Stream(flooding, "flood");
    stream.start(code, { tenant: `tenant-${sent++ % TENANTS}` });
    stream.call.resume();
    const { code: end, metadata } = await stream.status;
    const { retryAfterMs } = readStatusDetails(metadata);
    ends.push({ code: end, retryAfterMs, ms: performance.now() - startedAt });
  };
  const flood = (perSecond: number): (() => Promise<void>) => {
    const drops: Promise<void>[] = [];
    let owed = 0;
    const timer = setInterval(() => {
      owed += (perSecond * TICK_MS) / 1_000;
      for (; owed >= 1; owed--) drops.push(drop());
    }, TICK_MS);
    return async () => {
      clearInterval(timer);
      await Promise.all(drops);
    };
  };

  await round(); // warm
  const usual = percentile(await round(), 0.5);
  const perSecond = (TIMES_CAPACITY * WORKERS * 1_000) / usual;
  const [alone, flooded]: [number[], number[]] = [[], []];
  for (let i = 0; i < ROUNDS; i++) {
    alone.push(...(await round()));
    const stop = flood(perSecond);
    await expect.poll(() => ends.some((end) => end.code === status.RESOURCE_EXHAUSTED)).toBe(true);
    flooded.push(...(await round()));
    await stop();
  }
  calm.close();
  flooding.close();
  const [p95Alone, p95Flooded] = [percentile(alone, 0.95), percentile(flooded, 0.95)];
  const refused = ends.filter((end) => end.code === status.RESOURCE_EXHAUSTED);
  const served = ends.length - refused.length;
  console.log(
    `${ends.length} runs of the flood at ${perSecond.toFixed(0)}/s, ${served} served; p95 of the other key ` +
      `${p95Alone.toFixed(0)} ms alone, ${p95Flooded.toFixed(0)} ms beside it: ${(p95Flooded / p95Alone).toFixed(2)} times`,
  );
  expect(new Set(ends.map((end) => end.code))).toEqual(new Set([status.OK, status.RESOURCE_EXHAUSTED]));
  expect(refused.every(({ retryAfterMs = 0 }) => retryAfterMs > 0)).toBe(true);
  expect(refused.length).toBeGreaterThan(served);
  expect(p95Flooded / p95Alone).toBeLessThan(2);
}, 300_000);

function percentile(values: readonly number[], part: number): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(part * values.length) - 1] ?? NaN;
}
