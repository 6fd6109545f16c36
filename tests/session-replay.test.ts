import { expect, test, vi } from "vitest";
import { CallKind, type CallResult, CallState, type JournalEntry, RunErrorType, toDuration } from "@codemode/proto";
import type { Lease } from "../executor/src/pool/lease.ts";
import { Journal } from "../executor/src/session/journal.ts";
import { Keep } from "../executor/src/session/keep.ts";
import { type Resident, Residence } from "../executor/src/session/residence.ts";
import { RunClock } from "../executor/src/session/run-clock.ts";
import { NOTHING } from "../executor/src/session/manifest.ts";
import { parseStart } from "../executor/src/session/start.ts";
import { startInProcess, startOf } from "./executor-fixture.ts";
import { kinds, noBudgets, other, parked, pending, sendJournal, settled, valueOf, withAsk } from "./journal-fixture.ts";

// A program that runs again from its start: because its worker was lent to others or died, or in another attempt.

test("answers that a dead worker did not read any more leave the stream open for those that follow", async () => {
  await using executor = await startInProcess();
  const { pool } = executor.executor;
  await using stream = executor.open();
  stream.start("const [a, b] = [tools.ask(1), tools.ask(2)]; return [(await a).length, await b]", withAsk);
  await stream.next("idle");
  const [pid = 0] = pool.pids;
  process.kill(pid, "SIGSTOP");
  stream.answer(1, "x".repeat(900_000)); // more than a channel holds
  await vi.waitFor(() => expect(executor.keep.bytes).toBeGreaterThan(900_000));
  process.kill(pid, "SIGKILL");
  stream.answer(2, "after");
  expect(await valueOf(stream)).toEqual([900_000, "after"]);
});

test("answers over the bound are let go while the program runs, and asked for when its worker dies", async () => {
  await using executor = await startInProcess({}, new Keep({ answerBytesOfRun: 1_100 }));
  await using stream = executor.open();
  stream.start("return [await tools.ask(1), await tools.ask(2), await tools.ask(3)]", withAsk);
  await stream.next("idle");
  stream.answer(1, "x".repeat(10));
  await stream.next("idle");
  expect(executor.keep.answerBytes).toBeGreaterThan(0);
  stream.answer(2, "y".repeat(200));
  await stream.next("idle");
  expect(executor.keep.answerBytes).toBe(0);
  for (const pid of executor.executor.pool.pids) process.kill(pid, "SIGKILL");
  await stream.next("journalWanted");
  sendJournal(stream, settled(1, 1, "one"), settled(2, 2, "two"), pending(3, 3));
  await stream.next("idle");
  stream.answer(3, "three");
  expect(await valueOf(stream)).toEqual(["one", "two", "three"]);
  expect(kinds(stream).filter((kind) => kind === "call")).toHaveLength(3);
  expect(executor.keep.bytes).toBe(0);
});

test("an answer that crosses JournalWanted is delivered once, in its order", async () => {
  await using executor = await startInProcess({}, new Keep({ answerBytesOfRun: 100 }));
  await using stream = executor.open();
  const code = `const order = []; await Promise.all([1, 2, 3].map(async (n) => { await tools.ask(n); order.push(n); }));
    return order`;
  stream.start(code, withAsk);
  await stream.next("idle");
  stream.answer(2, "x".repeat(200));
  await stream.next("idle");
  for (const pid of executor.executor.pool.pids) process.kill(pid, "SIGKILL");
  await stream.next("journalWanted");
  stream.answer(3, "crossed");
  sendJournal(stream, pending(1, 1), settled(2, 2, "two", 1), settled(3, 3, "three", 2));
  stream.answer(1, "last");
  expect(await valueOf(stream)).toEqual([2, 3, 1]);
  expect(kinds(stream).filter((kind) => kind === "journalWanted")).toHaveLength(1);
});

test.each<[string, JournalEntry[]]>([
  ["forgets an answer", [pending(1, 1), pending(2, 2)]],
  ["has an answer that has not come", [settled(1, 1, "one"), settled(2, 2, "two")]],
  ["has another call", [settled(1, "another", "one"), pending(2, 2)]],
])("a journal that %s is refused", async (_name, entries) => {
  await using executor = await startInProcess({}, new Keep({ answerBytesOfRun: 10 }));
  await using stream = executor.open();
  stream.start("return [await tools.ask(1), await tools.ask(2)]", withAsk);
  await stream.next("idle");
  stream.answer(1, "x".repeat(20));
  await stream.next("idle");
  for (const pid of executor.executor.pool.pids) process.kill(pid, "SIGKILL");
  await stream.next("journalWanted");
  sendJournal(stream, ...entries);
  stream.call.resume();
  expect((await stream.status).code).toBe(3);
});

test("a parked run that is cancelled ends at once, and leaves the other alone", async () => {
  await using executor = await startInProcess();
  const { stream, holder } = await parked(() => executor.open());
  stream.send({ $case: "cancel", value: { reason: "enough" } });
  expect(await valueOf(stream)).toMatchObject({ type: RunErrorType.RUN_ERROR_TYPE_CANCELLED });
  holder.answer(1, "here");
  expect(await valueOf(holder)).toBe("here");
  expect([executor.keep.bytes, executor.executor.pool.pids.length]).toEqual([0, 1]);
});

test("a parked run whose stream is gone leaves nothing behind", async () => {
  await using executor = await startInProcess();
  const { stream, holder } = await parked(() => executor.open());
  await stream[Symbol.asyncDispose]();
  await vi.waitFor(() => expect(executor.log.filter((line) => "attempt" in line)).toHaveLength(1));
  holder.answer(1, "here");
  expect(await valueOf(holder)).toBe("here");
  expect(executor.keep.bytes).toBe(0);
});

test("the wait of a parked run is counted, and ends it", async () => {
  await using executor = await startInProcess();
  const budgets = { ...noBudgets, waitTime: toDuration(200) };
  const { stream } = await parked(() => executor.open(), { budgets });
  const { result } = await stream.next("finished");
  expect(result?.value).toMatchObject({
    type: RunErrorType.RUN_ERROR_TYPE_TIMEOUT,
    message: "Waited for tools for more than 200 ms",
  });
});

test("a program that gives calls up does so again in another life, and the app is told once", async () => {
  await using executor = await startInProcess();
  const code = `const id = setTimeout(() => console.log("never"), 60_000); await tools.ask(2); clearTimeout(id);
    return await tools.ask(3)`;
  const { stream, holder } = await parked(() => executor.open(), {}, code);
  stream.answer(2, null);
  expect(await stream.next("callCancelled")).toMatchObject({ seq: 1 });
  await stream.next("idle");
  await using third = executor.open();
  third.start(other, withAsk);
  await third.next("idle"); // which has parked one of the two, and then the other
  holder.answer(1, "here");
  stream.answer(1, null); // crossed the cancellation
  stream.answer(3, "end");
  expect(await valueOf(stream)).toBe("end");
  expect(kinds(stream).filter((kind) => kind === "callCancelled" || kind === "log")).toEqual(["callCancelled"]);
});

test("wall time stands still while a tool is awaited, a timer left over or not, and runs while timers alone are", async () => {
  await using executor = await startInProcess();
  const budgets = { ...noBudgets, wallTime: toDuration(150) };
  await using patient = executor.open();
  patient.start("setTimeout(() => {}, 60_000); return await tools.ask()", { ...withAsk, budgets });
  await patient.next("idle");
  await using hasty = executor.open();
  hasty.start("await new Promise((done) => setTimeout(done, 60_000))", { ...withAsk, budgets });
  const { result } = await hasty.next("finished"); // by then the other has waited for as long
  expect(result?.value).toMatchObject({ type: RunErrorType.RUN_ERROR_TYPE_TIMEOUT });
  patient.answer(2, "in time"); // the timer is 1
  expect(await valueOf(patient)).toBe("in time");
});

test.each([
  ["other arguments", "await tools.ask('b')", 0],
  ["a timer in its place", "await new Promise((done) => setTimeout(done, 1))", 0],
  ["other arguments after a recorded answer", "await tools.ask('a'); await tools.ask('c')", 1],
])("a program that makes a recorded call with %s is Diverged before any effect", async (_name, code, same) => {
  await using executor = await startInProcess();
  await using stream = executor.open();
  const recorded = [settled(1, "a", 1), settled(2, "b", 2)];
  stream.start(`console.log("first"); ${code}; await tools.ask("new")`, {
    ...withAsk,
    attempt: 2,
    journal: { entries: recorded.slice(0, same + 1), more: false },
  });
  expect(await valueOf(stream)).toMatchObject({ type: RunErrorType.RUN_ERROR_TYPE_DIVERGED });
  expect(kinds(stream)).toEqual(["accepted", "log", "finished"]);
});

test("a program that waits for a call which the journal has as given up is Diverged", async () => {
  await using executor = await startInProcess();
  await using stream = executor.open();
  const state = CallState.CALL_STATE_CANCELLED;
  const entries = [{ ...pending(1, 1), state }];
  stream.start("return await tools.ask(1)", { ...withAsk, attempt: 2, journal: { entries, more: false } });
  expect(await valueOf(stream)).toMatchObject({ type: RunErrorType.RUN_ERROR_TYPE_DIVERGED });
});

test("a worker that dies while it replays is followed by another", async () => {
  await using executor = await startInProcess();
  await using stream = executor.open();
  const count = 300;
  const code = `let sum = 0; for (let i = 1; i <= ${count}; i++) sum += await tools.ask(i);
    console.log("replayed"); return [sum, await tools.ask("last")]`;
  const entries = Array.from({ length: count }, (_, index) => settled(index + 1, index + 1, 1));
  stream.start(code, { ...withAsk, attempt: 2, journal: { entries, more: false } });
  await stream.next("accepted");
  for (const pid of executor.executor.pool.pids) process.kill(pid, "SIGKILL");
  const { seq } = await stream.next("call");
  stream.answer(seq, "end");
  expect(await valueOf(stream)).toEqual([count, "end"]);
  expect(kinds(stream).filter((kind) => kind === "log" || kind === "call")).toEqual(["log", "call"]);
});

test("a run outlives workers that all die, one seen to be dead after the other", async () => {
  await using executor = await startInProcess({ CODEMODE_EXECUTOR_WORKERS: "4" });
  const { pool } = executor.executor;
  await vi.waitFor(() => expect(pool.idle).toBe(4));
  await using stream = executor.open();
  stream.start("return await tools.ask(1)", withAsk);
  await stream.next("idle");
  for (const pid of pool.pids) {
    process.kill(pid, "SIGKILL");
    await vi.waitFor(() => expect(pool.pids).not.toContain(pid), { interval: 1 });
  }
  stream.answer(1, "here");
  expect(await valueOf(stream)).toBe("here");
});

test("a drained executor ends a run that waits UNAVAILABLE, parked or not", async () => {
  await using executor = await startInProcess();
  const { stream, holder } = await parked(() => executor.open());
  await executor.executor.drain(1);
  for (const { call, status } of [stream, holder]) {
    call.resume();
    expect((await status).code).toBe(14);
  }
  expect([executor.keep.bytes, executor.executor.pool.lent]).toEqual([0, 0]);
});

test("a program that has dealt with all answers that its channel had room for does not wait: more are to come", () => {
  const journal = new Journal(new Keep(), () => {});
  for (const seq of [1, 2, 3]) {
    journal.issue({ seq, kind: CallKind.CALL_KIND_TOOL, name: "ask", arguments: undefined, delayMs: 0 });
    if (seq < 3) journal.answer({ seq, result: undefined, settledAt: new Date() });
  }
  const given: number[] = [];
  let onRoom = () => {};
  const lease = {
    waiting: true,
    running: true,
    begin() {},
    settle: ({ seq }: CallResult) => given.push(seq) === 0, // never room for another
    onRoom: (listener: () => void) => (onRoom = listener),
  };
  const told: unknown[] = [];
  const resident = { begins() {}, event: (event: object) => told.push(event) };
  const clock = new RunClock({ wallMs: 60_000, waitMs: 60_000 }, () => {});
  const program = { ...parseStart(startOf("…"), {}), components: NOTHING };
  const residence = new Residence(program, journal, clock, resident as unknown as Resident);
  residence.moveIn(lease as unknown as Lease);
  const waits = () => residence.event({ $case: "idle", value: { entries: 1, open: 1 } });
  waits(); // after its start
  waits();
  expect({ given, told, parkable: residence.parkable }).toEqual({ given: [1], told: [], parkable: false });
  onRoom();
  onRoom();
  waits();
  expect({ given, parkable: residence.parkable }).toEqual({ given: [1, 2], parkable: true });
  expect(told).toMatchObject([{ $case: "idle", value: { open: 1 } }]);
  clock.stop();
});
