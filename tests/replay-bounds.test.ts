import { setTimeout as sleep } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { CallKind, ClientMessage, readStatusDetails, RunErrorType, type Start, toDuration } from "@codemode/proto";
import { decodeClientMessage } from "../executor/src/edge/decode.ts";
import { DEFAULT_BUDGETS } from "../executor/src/session/budgets.ts";
import { Journal } from "../executor/src/session/journal.ts";
import { JournalPieces } from "../executor/src/session/journal-pieces.ts";
import { Keep, type KeepLimits } from "../executor/src/session/keep.ts";
import { type Fixture, startInProcess, type Stream } from "./executor-fixture.ts";
import { kinds, noBudgets, other, parked, pending, sendJournal, settled, valueOf, withAsk } from "./journal-fixture.ts";

// What running a program again may cost: time, memory, workers.

const twice = "const first = await tools.ask(1); return [first.length, await tools.ask(2)]";
const [CRASHED, TIMEOUT] = [RunErrorType.RUN_ERROR_TYPE_CRASHED, RunErrorType.RUN_ERROR_TYPE_TIMEOUT];

const remembering = (limits: Partial<KeepLimits>): Promise<Fixture> => startInProcess({}, new Keep(limits));

/** Sends a signal to the only worker. */
function signal({ executor }: Fixture, name: NodeJS.Signals): void {
  const [pid = 0] = executor.pool.pids;
  process.kill(pid, name);
}

/** Begins a run, and gives its first call an answer of a thousand characters. It then waits for the second. */
async function answeredOnce(stream: Stream): Promise<void> {
  stream.start(twice, withAsk);
  await stream.next("idle");
  stream.answer(1, "x".repeat(1_000));
  await stream.next("idle");
}

async function statusOf(stream: Stream): Promise<{ code: number; field: string | undefined; retryAfterMs: unknown }> {
  stream.call.resume();
  const { code, metadata } = await stream.status;
  return { code, field: undefined, retryAfterMs: undefined, ...readStatusDetails(metadata) };
}

test("a program that came back runs against its wall-clock limit from where it was", async () => {
  await using executor = await startInProcess();
  const budgets = { ...noBudgets, wallTime: toDuration(400), cpuTime: toDuration(60_000) };
  const { stream, holder } = await parked(() => executor.open(), { budgets }, "await tools.ask(1);\nfor (;;);");
  stream.answer(1, null);
  expect(await valueOf(stream)).toMatchObject({ type: TIMEOUT, message: "Ran for more than 400 ms" });
  holder.answer(1, "untouched");
  expect(await valueOf(holder)).toBe("untouched");
});

test("what is done again takes no time of the run, however slow it is; what comes after it does", async () => {
  await using executor = await startInProcess();
  await using stream = executor.open();
  const budgets = { ...noBudgets, wallTime: toDuration(100), cpuTime: toDuration(60_000) };
  const journal = { entries: [settled(1, 1, "one"), pending(2, 2)], more: false };
  const slow = "for (let i = 0; i < 1e7; i++);\nawait tools.ask(1);\nawait tools.ask(2);\nfor (;;);";
  stream.start(slow, { ...withAsk, budgets, attempt: 2, journal });
  await stream.next("call");
  stream.answer(2, "two");
  expect(await valueOf(stream)).toMatchObject({ type: TIMEOUT, message: "Ran for more than 100 ms" });
});

test("the time that a program has spent on workers which were killed is not the run's", async () => {
  await using executor = await startInProcess();
  const { pool } = executor.executor;
  await using stream = executor.open();
  const budgets = { ...noBudgets, wallTime: toDuration(2_000), cpuTime: toDuration(60_000) };
  stream.start("for (let i = 0; i < 3e6; i++); return 'there'", { ...withAsk, budgets });
  await stream.next("accepted");
  let last = 0;
  for (const _ of [1, 2]) {
    const isThere = () => expect([pool.lent, pool.pids.includes(last)]).toEqual([1, false]);
    await vi.waitFor(isThere, { timeout: 5_000, interval: 1 });
    [last = 0] = pool.pids;
    signal(executor, "SIGSTOP");
    await sleep(1_200); // more than half of what the run has
    signal(executor, "SIGKILL");
  }
  expect(await valueOf(stream)).toBe("there");
});

test("a worker that gets stuck over what was done before is replaced", async () => {
  await using executor = await startInProcess();
  await using stream = executor.open();
  signal(executor, "SIGSTOP");
  const budgets = { ...noBudgets, wallTime: toDuration(100) };
  const journal = { entries: [settled(1, 1, "one"), pending(2, 2)], more: false };
  stream.start(twice, { ...withAsk, budgets, attempt: 2, journal });
  await stream.next("call");
  stream.answer(2, "two");
  expect(await valueOf(stream)).toEqual([3, "two"]);
});

test("a run with more answers than can be replayed stays on its worker", async () => {
  await using executor = await remembering({ replayBytes: 1_000, answerBytesOfRun: 100 });
  await using stream = executor.open();
  await answeredOnce(stream);
  await using next = executor.open();
  next.start(other, withAsk);
  const accepted = next.next("accepted");
  stream.answer(2, "two");
  expect(await valueOf(stream)).toEqual([1_000, "two"]);
  await accepted;
  expect(kinds(stream)).not.toContain("journalWanted");
});

test("a run with more answers than can be replayed ends as Crashed when its worker is killed", async () => {
  await using executor = await remembering({ replayBytes: 1_000, answerBytesOfRun: 100 });
  await using stream = executor.open();
  await answeredOnce(stream);
  signal(executor, "SIGKILL");
  expect(await valueOf(stream)).toMatchObject({
    type: CRASHED,
    message: expect.stringContaining("too many answers to run again"),
  });
  expect(executor.keep.bytes).toBe(0);
});

test.each<[string, Partial<KeepLimits>, Partial<Start>, object]>([
  ["over what can be replayed", { replayBytes: 1_000 }, {}, { code: 3, field: "journal" }],
  [
    "of more calls than the budget has",
    {},
    { budgets: { ...noBudgets, calls: 1 } },
    { code: 3, field: "journal.entries" },
  ],
  [
    "with an answer over its budget",
    {},
    { budgets: { ...noBudgets, answerBytes: 1_000n } },
    { code: 3, field: "journal.entries[0].value.data" },
  ],
  ["that there is no room for", { bytes: 1_000 }, {}, { code: 8, retryAfterMs: 1_000 }],
])("a journal %s is refused by its first piece", async (_name, limits, start, status) => {
  await using executor = await remembering(limits);
  await using stream = executor.open();
  const entries = [settled(1, 1, "x".repeat(1_000)), pending(2, 2)];
  stream.start(twice, { ...withAsk, ...start, attempt: 2, journal: { entries, more: true } });
  expect(await statusOf(stream)).toMatchObject(status);
  expect(executor.keep.bytes).toBe(0);
});

test("a journal at the bounds is taken", async () => {
  await using executor = await remembering({ replayBytes: 1_514, bytes: 2_114 });
  await using stream = executor.open();
  const budgets = { ...noBudgets, calls: 2, answerBytes: 1_002n };
  const entries = [settled(1, 1, "x".repeat(1_000)), pending(2, 2)];
  stream.start(twice, { ...withAsk, budgets, attempt: 2, journal: { entries, more: false } });
  await stream.next("call");
  stream.answer(2, "two");
  expect(await valueOf(stream)).toEqual([1_000, "two"]);
  expect(executor.keep.bytes).toBe(0);
});

test("what is kept of an answer shares its memory with nothing, however small it is", () => {
  const keep = new Keep();
  const [answered, recalled] = [new Journal(keep, () => {}), new Journal(keep, () => {})];
  const entries = [settled(1, 1, "one")];
  answered.issue({ seq: 1, kind: CallKind.CALL_KIND_TOOL, name: "ask", arguments: undefined, delayMs: 0 });
  for (const { seq, result, settledAt } of entries) {
    const event = decoded({ $case: "callResult", value: { seq, result, settledAt } });
    if (event?.$case === "callResult") answered.answer(event.value);
  }
  const pieces = new JournalPieces(recalled, keep, DEFAULT_BUDGETS);
  const event = decoded({ $case: "journal", value: { entries, more: false } });
  if (event?.$case === "journal") pieces.add(event.value);
  for (const { answers } of [answered, recalled]) {
    const [{ result } = {}] = answers ?? [];
    const data = result?.$case === "value" ? result.value.data : undefined;
    expect([data?.toString(), data?.buffer.byteLength]).toEqual(['"one"', 5]);
  }
});

/** As it comes off the wire. */
function decoded(event: NonNullable<ClientMessage["event"]>): ClientMessage["event"] {
  return decodeClientMessage(Buffer.from(ClientMessage.encode({ event }).finish())).event;
}

test("what a journal tells does not wait in memory for a worker: it is told again", async () => {
  await using executor = await remembering({ answerBytesOfRun: 100 });
  signal(executor, "SIGSTOP");
  await using first = executor.open();
  first.start("return 1");
  await first.next("accepted");
  await using stream = executor.open();
  const entries = [settled(1, 1, "x".repeat(1_000))];
  stream.start(twice, { ...withAsk, attempt: 2, journal: { entries, more: true } });
  await vi.waitFor(() => expect(executor.keep.arrivingBytes).toBeGreaterThan(1_000));
  sendJournal(stream, pending(2, 2));
  await vi.waitFor(() => expect([executor.keep.arrivingBytes, executor.keep.answerBytes]).toEqual([0, 0]));
  signal(executor, "SIGCONT");
  await stream.next("journalWanted");
  expect(kinds(stream)).toEqual(["accepted", "journalWanted"]);
  sendJournal(stream, ...entries, pending(2, 2));
  await stream.next("call");
  stream.answer(2, "two");
  expect(await valueOf(stream)).toEqual([1_000, "two"]);
});

test("a worker is not held for a journal that does not come", { timeout: 60_000 }, async () => {
  await using executor = await remembering({ answerBytesOfRun: 100 });
  await using stream = executor.open();
  await answeredOnce(stream);
  signal(executor, "SIGKILL");
  await stream.next("journalWanted");
  expect(await statusOf(stream)).toMatchObject({ code: 4 });
  expect([executor.executor.pool.lent, executor.keep.bytes]).toEqual([0, 0]);
});
