import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { attempt, clientOf } from "./chaos/trial.ts";
import { startInProcess } from "./executor-fixture.ts";

const CALLS = 1_000;
const HANDLER_MS = 10;
const TRIES = 3; // the best of them counts: what a neighbour takes is not ours

test("replaying a thousand settled calls costs less than 5 % of having made them", async () => {
  await using executor = await startInProcess();
  await using client = clientOf(executor.executor.address, undefined);
  const code = `let sum = 0; for (let i = 0; i < ${CALLS}; i++) sum += (await tools.quick({ i })).n; return sum`;
  const program = { seed: 7, code, isOrderless: true };
  const startedAt = performance.now();
  const made = await attempt(program, client, { delay: () => sleep(HANDLER_MS) });
  const liveMs = performance.now() - startedAt;
  let replayMs = Infinity;
  for (let round = 0; round < TRIES; round++) {
    const from = performance.now();
    const again = await attempt(program, client, { journal: made.journal });
    replayMs = Math.min(replayMs, performance.now() - from);
    expect(again.outcome.value).toBe(made.outcome.value);
    expect(again.world.reached.size).toBe(0);
  }
  console.info(`${CALLS} calls: made in ${liveMs.toFixed(0)} ms, replayed in ${replayMs.toFixed(0)} ms`);
  expect(replayMs / liveMs).toBeLessThan(0.05);
});
