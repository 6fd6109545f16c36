// What replaying 1,000 settled calls costs, against having made them with handlers of 10 ms: `node tests/chaos/replay-cost.ts`.
import { setTimeout as sleep } from "node:timers/promises";
import { startInProcess } from "../executor-fixture.ts";
import { attempt, clientOf } from "./trial.ts";

const CALLS = 1_000;
const HANDLER_MS = 10;

await using executor = await startInProcess();
await using client = clientOf(executor.executor.address, undefined);
const code = `let sum = 0; for (let i = 0; i < ${CALLS}; i++) sum += (await tools.quick({ i })).n; return sum`;
const program = { seed: 7, code, isOrderless: true };
await attempt(program, client); // warms up

const timed = async <T>(body: () => Promise<T>): Promise<[T, number]> => {
  const start = performance.now();
  return [await body(), performance.now() - start];
};
const [made, liveMs] = await timed(() => attempt(program, client, { delay: () => sleep(HANDLER_MS) }));
const [, replayMs] = await timed(() => attempt(program, client, { journal: made.journal }));
console.info(
  `${CALLS} calls: made in ${liveMs.toFixed(0)} ms, replayed in ${replayMs.toFixed(0)} ms: ${((100 * replayMs) / liveMs).toFixed(2)} %`,
);
