import { expect, test } from "vitest";
import { isAlive, startInProcess } from "./executor-fixture.ts";
import { withAsk } from "./journal-fixture.ts";

const perProcess = { CODEMODE_EXECUTOR_ISOLATION: "process" };

test("with isolation: process each run has a worker of its own, that is gone with it", async () => {
  await using executor = await startInProcess(perProcess);
  const { pool } = executor.executor;
  const seen: number[] = [];
  for (let n = 0; n < 3; n++) {
    await using stream = executor.open();
    stream.start("return await tools.ask()", withAsk);
    await stream.next("call");
    const [running = 0] = pool.pids;
    seen.push(running);
    stream.answer(1, n);
    await stream.next("finished");
    await expect.poll(() => isAlive(running)).toBe(false);
  }
  expect(new Set(seen).size).toBe(3);
});

test("the next worker is there before the run that it follows has ended (P8)", async () => {
  await using executor = await startInProcess(perProcess);
  const { pool } = executor.executor;
  await using stream = executor.open();
  stream.start("return await tools.ask()", withAsk);
  await stream.next("call");
  await expect.poll(() => pool.idle).toBe(1);
  const [, next] = pool.pids;
  // It is a spare: what waits gets no second worker beside the one that a size of 1 allows.
  await using other = executor.open();
  other.start("return await tools.ask()", withAsk);
  await other.next("call"); // the first run has been parked, its process is gone
  expect(pool.lent).toBe(1);
  expect(pool.pids).toContain(next);
  other.answer(1, "other");
  stream.answer(1, "first");
  for (const each of [other, stream]) expect((await each.next("finished")).result).toMatchObject({ $case: "value" });
});

test("however many wait, no more run at a time than there are workers, and no spare is thrown away", async () => {
  await using executor = await startInProcess({ ...perProcess, CODEMODE_EXECUTOR_WORKERS: "2" });
  const { pool } = executor.executor;
  const most = { lent: 0, processes: 0 };
  const started = new Set<number>();
  const watching = setInterval(() => {
    for (const pid of pool.pids) started.add(pid);
    most.lent = Math.max(most.lent, pool.lent);
    most.processes = Math.max(most.processes, pool.pids.filter(isAlive).length);
  }, 1);
  const busy = "for (let i = 0; i < 3e6; i++);"; // for longer than it takes to start the next worker
  const runs = Array.from({ length: 12 }, (_, n) => executor.run(`${busy} return ${n}`, { tenant: `t${n % 3}` }));
  expect(await Promise.all(runs)).toMatchObject(Array.from({ length: 12 }, (_, value) => ({ value })));
  clearInterval(watching);
  expect(most.lent).toBeGreaterThan(0); // on a busy machine two of them may never be seen together
  expect(most.lent).toBeLessThanOrEqual(2);
  expect(most.processes).toBeLessThanOrEqual(4);
  expect(started.size).toBeLessThanOrEqual(12 + 4);
});

test("a worker that dies under its run takes its place in vain: the run goes on in the next", async () => {
  await using executor = await startInProcess(perProcess);
  const { pool } = executor.executor;
  await using stream = executor.open();
  stream.start("return await tools.ask()", withAsk);
  await stream.next("call");
  process.kill(pool.pids[0] ?? 0, "SIGKILL");
  stream.answer(1, 7);
  expect((await stream.next("finished")).result).toMatchObject({ $case: "value" });
});
