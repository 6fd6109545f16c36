import { expect, test } from "vitest";
import {
  type Budgets,
  CallResult,
  readStatusDetails,
  RunErrorType,
  type Start,
  toDuration,
  type Value,
  ValueEncoding,
} from "@codemode/proto";
import { type Fixture, isAlive, startInProcess, startOf } from "./executor-fixture.ts";
import { ask, noBudgets, withAsk } from "./journal-fixture.ts";
import { usedBy } from "./processes.ts";

const INVALID_ARGUMENT = 3;
const RESOURCE_EXHAUSTED = 8;

const waits = "await tools.ask(); return 1";

function answerOf(seq: number, value: Value): CallResult {
  return { seq, result: { $case: "value", value }, settledAt: undefined };
}

function varint(value: bigint): number[] {
  return value < 128n ? [Number(value)] : [Number(value & 127n) | 128, ...varint(value >> 7n)];
}

/** The status that ends a stream on which `start` was sent, and the field it names. */
async function refusal(executor: Fixture, start: Partial<Start>): Promise<{ code: number; field: string | undefined }> {
  await using stream = executor.open();
  stream.start("return 1", start);
  stream.call.resume();
  const status = await stream.status;
  return { code: status.code, field: readStatusDetails(status.metadata).field };
}

test("a Start that is out of order is refused by the name of its field", async () => {
  await using executor = await startInProcess();
  const over = (budgets: Partial<Budgets>): Partial<Start> => ({ budgets: { ...noBudgets, ...budgets } });
  const twice = { $case: "manifest" as const, value: { tools: [ask, ask], agents: [] } };
  const runs = { $case: "manifest" as const, value: { tools: [ask, { ...ask, name: "ask.run" }], agents: [] } };
  const entry = {
    seq: 1,
    kind: 1,
    name: "ask",
    argumentsHash: Buffer.alloc(32),
    state: 1,
    result: undefined,
    settleOrder: 0,
    settledAt: undefined,
  } as const;
  const cases: [Partial<Start>, string][] = [
    [{ executionId: "no spaces" }, "start.execution_id"],
    [{ correlationId: "" }, "start.correlation_id"],
    [{ attempt: 0 }, "start.attempt"],
    [{ seed: Buffer.alloc(15) }, "start.seed"],
    [{ clock: undefined }, "start.clock"],
    [{ code: "x".repeat(256 * 1024 + 1) }, "start.code"],
    [over({ wallTime: toDuration(600_001) }), "start.budgets.wall_time"],
    [over({ cpuTime: toDuration(60_001) }), "start.budgets.cpu_time"],
    [over({ heapBytes: 2n ** 29n }), "start.budgets.heap_bytes"],
    [over({ heapBytes: 8n * 2n ** 20n, answerBytes: 2n ** 21n + 1n }), "start.budgets.heap_bytes"],
    [over({ calls: 100_001 }), "start.budgets.calls"],
    [over({ callsInFlight: 0 }), "start.budgets.calls_in_flight"],
    [over({ resultBytes: 2n ** 63n }), "start.budgets.result_bytes"],
    [{ components: twice }, "start.manifest.tools[1].name"],
    [{ components: runs }, "start.manifest.tools[1].name"],
    [{ components: { $case: "manifestHash", value: Buffer.alloc(31) } }, "start.manifest_hash"],
    [{ journal: { entries: [{ ...entry, seq: 2 }], more: false } }, "journal.entries[0].seq"],
    [{ journal: { entries: [{ ...entry, settleOrder: 1 }], more: false } }, "journal.entries[0].settle_order"],
    [{ journal: { entries: [{ ...entry, state: 2, settleOrder: 2 }], more: false } }, "journal.entries"],
  ];
  const told = await Promise.all(cases.map(([start]) => refusal(executor, start)));
  expect(told).toEqual(cases.map(([, field]) => ({ code: INVALID_ARGUMENT, field })));
});

test("Accepted tells every budget in force, the asked ones as asked", async () => {
  await using executor = await startInProcess();
  await using stream = executor.open();
  stream.start("return 1", { budgets: { ...noBudgets, wallTime: toDuration(1_500), calls: 7 } });
  const { budgets } = await stream.next("accepted");
  expect(budgets).toMatchObject({ wallTime: toDuration(1_500), calls: 7, callsInFlight: 64, logLines: 1_000 });
});

test("a second Start ends the stream, and its worker is free", async () => {
  await using executor = await startInProcess();
  await using stream = executor.open();
  stream.start(waits, withAsk);
  await stream.next("call");
  stream.start("return 2");
  expect((await stream.status).code).toBe(INVALID_ARGUMENT);
  expect(await executor.run("return 3")).toMatchObject({ value: 3 });
});

test.each([
  ["an answer before Start", { $case: "callResult", value: { seq: 1, result: undefined, settledAt: undefined } }],
  ["Cancel before Start", { $case: "cancel", value: { reason: "" } }],
  ["a message that says nothing", undefined],
] as const)("%s ends the stream", async (_name, event) => {
  await using executor = await startInProcess();
  await using stream = executor.open();
  stream.call.write({ event });
  stream.call.resume();
  expect((await stream.status).code).toBe(INVALID_ARGUMENT);
});

test.each([
  ["a call that was never made", [2]],
  ["a call that is answered already", [1, 1]],
])("an answer to %s ends the stream and names the field", async (_name, seqs) => {
  await using executor = await startInProcess();
  await using stream = executor.open();
  stream.start("await tools.ask(); await new Promise((done) => setTimeout(done, 60_000))", withAsk);
  await stream.next("call");
  for (const seq of seqs) stream.answer(seq, null);
  stream.call.resume();
  const status = await stream.status;
  expect(status.code).toBe(INVALID_ARGUMENT);
  expect(readStatusDetails(status.metadata).field).toBe("call_result.seq");
});

test("an answer to a call that was given up may cross it, but not twice", async () => {
  await using executor = await startInProcess();
  await using stream = executor.open();
  stream.start("clearTimeout(setTimeout(() => {}, 60_000)); await tools.ask()", withAsk);
  await stream.next("callCancelled");
  stream.answer(1, null);
  await stream.next("idle");
  stream.answer(1, null);
  stream.call.resume();
  const status = await stream.status;
  expect(status.code).toBe(INVALID_ARGUMENT);
  expect(readStatusDetails(status.metadata).field).toBe("call_result.seq");
});

test("an answer over its budget ends the stream and names the field", async () => {
  await using executor = await startInProcess();
  await using stream = executor.open();
  stream.start(waits, { ...withAsk, budgets: { ...noBudgets, answerBytes: 100n } });
  await stream.next("call");
  stream.answer(1, "x".repeat(101));
  stream.call.resume();
  expect(readStatusDetails((await stream.status).metadata).field).toBe("call_result.value.data");
});

test("a run over the queue is told RESOURCE_EXHAUSTED and when to come again, those in it run", async () => {
  await using executor = await startInProcess({ CODEMODE_EXECUTOR_QUEUE: "1" });
  await using running = executor.open();
  running.start(waits, withAsk);
  await running.next("call");
  await using queued = executor.open();
  queued.start("return 2");
  await using over = executor.open();
  over.start("return 3");
  over.call.resume();
  const status = await over.status;
  expect(status.code).toBe(RESOURCE_EXHAUSTED);
  expect(readStatusDetails(status.metadata).retryAfterMs).toBeGreaterThan(0);
  running.answer(1, null);
  await running.next("finished");
  expect((await queued.next("finished")).result).toMatchObject({ $case: "value" });
});

test("Cancel ends a waiting run as Cancelled, and the slot serves the next", async () => {
  await using executor = await startInProcess();
  await using stream = executor.open();
  stream.start(waits, withAsk);
  await stream.next("idle");
  stream.send({ $case: "cancel", value: { reason: "enough" } });
  const { result } = await stream.next("finished");
  expect(result).toMatchObject({
    value: { type: RunErrorType.RUN_ERROR_TYPE_CANCELLED, message: "Cancelled: enough" },
  });
  expect((await stream.status).code).toBe(0);
  expect(await executor.run("return 3")).toMatchObject({ value: 3 });
});

test("a run whose stream is gone is killed in mid-loop, and the slot serves the next", async () => {
  await using executor = await startInProcess();
  const [pid = 0] = executor.executor.pool.pids;
  await using stream = executor.open();
  stream.start("for (;;);");
  await stream.next("accepted");
  stream.call.cancel();
  expect(await executor.run("return 3")).toMatchObject({ value: 3 });
  expect(isAlive(pid)).toBe(false);
});

test.each([
  ["CPU_LIMIT", "for (;;);", { cpuTime: toDuration(200) }],
  ["TIMEOUT", "for (;;);", { wallTime: toDuration(200) }],
  ["TIMEOUT", "await new Promise((done) => setTimeout(done, 60_000))", { wallTime: toDuration(200) }],
  ["MEMORY_LIMIT", "const all = []; for (;;) all.push(new Uint8Array(16e6).fill(1))", {}],
  ["OUTPUT_LIMIT", "return 'x'.repeat(1000)", { resultBytes: 100n }],
  ["CALL_LIMIT", "for (let i = 0; i < 5; i++) await tools.ask(i)", { calls: 2 }],
] as const)("a run ends as %s: %s", async (type, code, budgets) => {
  await using executor = await startInProcess();
  const ended = await executor.run(code, { budgets: { ...noBudgets, ...budgets } }, { ask: () => null });
  expect(ended.error?.type).toBe(RunErrorType[`RUN_ERROR_TYPE_${type}`]);
  expect(await executor.run("return 6 * 7")).toMatchObject({ value: 42 });
});

test("tool calls go to the app and their answers come back", async () => {
  await using executor = await startInProcess();
  const add = ({ a, b }: { a: number; b: number }) => a + b;
  const ended = await executor.run("return await tools.add({ a: 40, b: 2 })", {}, { add });
  expect(ended).toMatchObject({ value: 42, usage: { calls: 1 } });
});

test("a reader that does not read stops the program instead of filling memory", async () => {
  await using executor = await startInProcess();
  await using stream = executor.open();
  const size = 200 * 1024;
  const budgets = { ...noBudgets, argumentBytes: 1_000_000n, callsInFlight: 1_024 };
  stream.start(`await Promise.all(Array.from({ length: 1_000 }, () => tools.ask("x".repeat(${size}))))`, {
    ...withAsk,
    budgets,
  });
  const before = process.memoryUsage().rss;
  await stream.next("accepted"); // and no further: 200 MB wait where they are made
  await workerWaits(executor);
  expect(process.memoryUsage().rss - before).toBeLessThan(100e6);
  stream.call.cancel();
});

/** Resolves when the worker has stopped using CPU: it waits where it writes. */
function workerWaits(executor: Fixture): Promise<void> {
  const [pid = 0] = executor.executor.pool.pids;
  const { promise, resolve } = Promise.withResolvers<void>();
  let last: number | undefined;
  let same = 0;
  const timer = setInterval(() => {
    const cpuMs = usedBy(pid)?.cpuMs;
    same = cpuMs === last ? same + 1 : 0;
    last = cpuMs;
    if (same > 10) resolve();
  }, 20);
  return promise.finally(() => clearInterval(timer));
}

test("the log tells kinds and sizes, never contents", async () => {
  await using executor = await startInProcess();
  const start = startOf("", { correlationId: "cm-of-this-run" });
  await executor.run("return 'secret value'", { correlationId: start.correlationId });
  const text = JSON.stringify(executor.log);
  expect(text).toContain("cm-of-this-run");
  expect(text).toContain('"outcome":"ok"');
  await executor.run("throw new Error('secret')", { executionId: "thrown" });
  expect(executor.log).toContainEqual(expect.objectContaining({ executionId: "thrown", outcome: "RuntimeError" }));
  expect(JSON.stringify(executor.log)).not.toContain("secret");
});

test("a hundred runs on two workers get their own answers", async () => {
  await using executor = await startInProcess({ CODEMODE_EXECUTOR_WORKERS: "2" });
  const runs = Array.from({ length: 100 }, (_, i) => {
    return executor.run("return await tools.who() + 1", { tenant: `t${i % 3}` }, { who: () => i });
  });
  const values = (await Promise.all(runs)).map((ended) => ended.value);
  expect(values).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
});

test("an answer with a time that is none ends its stream alone", async () => {
  await using executor = await startInProcess();
  await using stream = executor.open();
  stream.start(waits, withAsk);
  await stream.next("call");
  // A Timestamp of the year 300000, beyond what a Date can hold.
  const settledAt = Buffer.from([0x08, ...varint(9_400_000_000_000n)]);
  const result = Buffer.concat([Buffer.from([0x08, 1, 0x22, settledAt.length]), settledAt]);
  const raw = Buffer.concat([Buffer.from([0x12, result.length]), result]);
  expect(() => CallResult.encode(CallResult.decode(result)).finish()).toThrow(/cannot be converted/);
  stream.sendRaw(raw);
  const { code, metadata } = await stream.status;
  expect({ code, field: readStatusDetails(metadata).field }).toEqual({
    code: INVALID_ARGUMENT,
    field: "call_result.settled_at",
  });
  expect(await executor.run("return 1")).toMatchObject({ value: 1 });
});

test("answers and context count in the encoding that they say they have", async () => {
  await using executor = await startInProcess();
  await using stream = executor.open();
  const data = Buffer.from('{"$type":"Date","value":"2020-01-01"}');
  const json = { encoding: ValueEncoding.VALUE_ENCODING_JSON, data };
  stream.start("return [context.$type, (await tools.ask()).$type]", { ...withAsk, context: json });
  await stream.next("call");
  stream.send({ $case: "callResult", value: { ...answerOf(1, json), settledAt: new Date() } });
  const { result } = await stream.next("finished");
  expect(result?.$case === "value" && JSON.parse(result.value.data.toString())).toEqual(["Date", "Date"]);
});

test("an answer or a context that cannot be read ends the run as what it is", async () => {
  await using executor = await startInProcess();
  const broken = { encoding: ValueEncoding.VALUE_ENCODING_EXACT, data: Buffer.from('{"$type":"Map"') };
  await using stream = executor.open();
  stream.start(waits, withAsk);
  await stream.next("call");
  stream.send({ $case: "callResult", value: answerOf(1, broken) });
  const { result } = await stream.next("finished");
  const type = RunErrorType.RUN_ERROR_TYPE_TOOL_OUTPUT_ERROR;
  expect(result).toMatchObject({ $case: "error", value: { type, seq: 1, component: "ask" } });
  const { error } = await executor.run("return 1", { context: broken });
  expect(error?.message).toMatch(/context .* cannot be read/);
});
