import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempDisposableSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Codemode, ComponentRegistry, type JournalStore, type Outcome, SqliteStore } from "../client/src/index.ts";
import { dice, executionIdOf, itemsOf, NAMES, programOf, resultOf } from "./durable-chaos-programs.ts";
import { startInProcess } from "./executor-fixture.ts";

// An app that is killed again and again: at the end every run ended as an undisturbed one, and nothing was done twice but
// what was pending and may be. CHAOS_KILLS and CHAOS_SEED choose the game; `npm run chaos:app` plays a long one.

const KILLS = Number(process.env["CHAOS_KILLS"] ?? 12);
const SEED = Number(process.env["CHAOS_SEED"] ?? Date.now() % 1_000_000);
const AT_ONCE = 4;
const MAX_POINTS = 60; // that an app passes before it dies

/** How often each call has had its effect, by its idempotency key. */
function effectsIn(file: string): Map<string, number> {
  const counts = new Map<string, number>();
  const lines = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  for (const line of lines) {
    const [key = ""] = line.split(" ");
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

/** A client whose tools work as the app's; `onCall` hears of each. */
function client(url: string, store: JournalStore | undefined, onCall: () => void): Codemode {
  const registry = new ComponentRegistry();
  for (const name of NAMES) {
    const execute = ({ n, fail }: { n: number; fail?: boolean }) => (onCall(), resultOf(n, fail === true));
    const of = { description: "Has an effect", idempotent: name === "again" };
    registry.registerTool(name, { ...of, execute }).registerAgent(name, { ...of, run: execute });
  }
  const items = ({ n }: { n: number }) => (onCall(), itemsOf(n));
  registry.registerTool("items", { description: "Yields", idempotent: true, execute: items });
  return Codemode.fromClientConfig({ registry, store, config: { executor: { mode: "remote", url } } });
}

const endOf = ({ value, error }: Outcome) => ({ value, type: error?.type, message: error?.message });

test(`an app that is killed ${KILLS} times (CHAOS_SEED=${SEED})`, { timeout: 60_000 + KILLS * 10_000 }, async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), "codemode-chaos-"));
  const [file, effects] = [join(folder.path, "journal.db"), join(folder.path, "effects")];
  await using executor = await startInProcess({ CODEMODE_EXECUTOR_WORKERS: "2" });
  const url = executor.executor.address;
  await using store = new SqliteStore(file);
  const roll = dice(SEED);
  const first = SEED * 100_000;
  let count = 0;
  /** Settled calls, and how often they had had their effect when they were first seen to have settled. */
  const settled = new Map<string, { readonly name: string; readonly times: number }>();

  const unfinished = async () => {
    const left: number[] = [];
    const done = effectsIn(effects);
    for (let seed = first; seed < first + count; seed++) {
      const run = await store.load(executionIdOf(seed));
      if (run?.state.kind !== "finished") left.push(seed);
      for (const { seq, name, kind, state } of run?.calls ?? []) {
        const key = `${executionIdOf(seed)}:${seq}`;
        if (kind === "timer" || kind === "next" || state === "pending" || settled.has(key)) continue;
        settled.set(key, { name, times: done.get(key) ?? 0 });
      }
    }
    return left;
  };

  const live = async (seeds: readonly number[], isDoomed: boolean) => {
    const points = 1 + roll(MAX_POINTS);
    const bySelf = roll(2) === 0;
    const deathAt = isDoomed && bySelf ? points : null;
    const args = [
      join(import.meta.dirname, "durable-chaos-app.ts"),
      JSON.stringify({ file, effects, url, seeds, deathAt }),
    ];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    let passed = 0;
    child.stdout.on("data", (chunk: Buffer) => {
      passed += chunk.length;
      if (isDoomed && !bySelf && passed >= points) child.kill("SIGKILL");
    });
    await once(child, "close");
    const wasKilled = child.signalCode === "SIGKILL";
    if (!wasKilled) expect(child.exitCode).toBe(0);
    return wasKilled;
  };

  for (let kills = 0; kills < KILLS;) {
    const left = await unfinished();
    while (left.length < AT_ONCE) left.push(first + count++);
    if (await live(left, true)) kills += 1;
  }
  await live(await unfinished(), false);
  expect(await unfinished()).toEqual([]);

  const done = effectsIn(effects);
  for (const [key, { name, times }] of settled) {
    expect([key, done.get(key) ?? 0]).toEqual([key, times]); // never again after it had settled
    if (name === "once") expect([key, times <= 1]).toEqual([key, true]);
  }
  let [called, lost] = [0, 0];
  await using recorded = client(url, store, () => (called += 1));
  await using undisturbed = client(url, undefined, () => {});
  for (let seed = first; seed < first + count; seed++) {
    const [executionId, code] = [executionIdOf(seed), programOf(seed)];
    const ended = await recorded.execute(code, { executionId });
    expect([code, endOf(ended)]).toEqual([code, endOf(await undisturbed.execute(code))]);
    const { calls: rows = [] } = (await store.load(executionId)) ?? {};
    lost += rows.filter(({ kind, state }) => kind === "next" && state === "failed").length;
    for (const { seq, name, state } of ended.calls) {
      const times = done.get(`${executionId}:${seq}`) ?? 0;
      if (state !== "succeeded" && state !== "failed") continue;
      if (name === "once") expect([executionId, seq, times]).toEqual([executionId, seq, 1]);
      else expect([executionId, seq, times >= 1]).toEqual([executionId, seq, true]);
    }
  }
  expect(called).toBe(0);
  console.info(`${KILLS} kills, ${count} programs, ${settled.size} calls, ${lost} streams cut off`);
  if (KILLS >= 100) expect(lost).toBeGreaterThan(0);
});
