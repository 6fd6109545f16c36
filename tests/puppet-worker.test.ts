// A worker process after an escape: whatever it says or does, its run ends, the edge keeps the budgets (H10), and the next run is right.
//
// | case of the catalogue | where it is tested |
// |---|---|
// | ops-worker-garbage | here; pool: "a worker that says nothing sensible is killed", "a frame over the maximum …" |
// | ops-kill-worker | pool: "a run whose worker is killed goes on …"; chaos |
// | ops-kill-all-workers, ops-stop-worker, ops-core, ops-clock-jump | here |
// | ops-two-tenants | pool: "a lease goes to a worker of its tenant …"; hostile-code: its neighbours |
// | ops-env, ops-fd, ops-readonly, ops-pids, ops-oom-container | the drill of the process border; docker |
// | ops-soak | scripts/soak.ts: a minute of it in .ci/run, half an hour in docs/soak-report.md; hostile-code is one round; chaos |
// | build-lock, build-prebuild-hash | dependencies. How old a package is, npm alone can tell, and only when one is added |
// | ops-v8-update | no test: when a Node release has to be rolled out is known by who publishes images, not by this code |
import { readFileSync } from "node:fs";
import {
  Budgets,
  type Call,
  CallKind,
  LogLevel,
  RunError,
  RunErrorType,
  type Start,
  toDuration,
  ValueEncoding,
} from "@codemode/proto/messages";
import { type Done, WorkerEvent } from "@codemode/proto/worker";
import { expect, test, vi } from "vitest";
import { frame } from "../executor/src/pool/frames.ts";
import { launch } from "../executor/src/pool/launch.ts";
import { isAlive, startInProcess } from "./executor-fixture.ts";

type Event = NonNullable<WorkerEvent["event"]>;

const MIB = 1_048_576;
const puppet = new URL("hostile/puppet-worker.mjs", import.meta.url).pathname;
const types = RunErrorType;

/** A program that makes the puppet write these bytes. */
const writes = (bytes: Uint8Array, times = 1): string => `[[${times} ${Buffer.from(bytes).toString("base64")}]]`;
const bytesOf = (event: Event): Buffer => frame(WorkerEvent.encode({ event }).finish());
/** The same for events. */
const says = (...events: readonly Event[]): string => writes(Buffer.concat(events.map(bytesOf)));

const done = (result: Done["result"]): Event => ({
  $case: "done",
  value: { result, truncation: undefined, warnings: [], heapBytes: 0n, cpuUs: 0n },
});
const returned = (data: string): Event => done({ $case: "value", value: { encoding: 1, data: Buffer.from(data) } });
const failed = (type: RunErrorType, error: Partial<RunError> = {}): Event =>
  done({ $case: "error", value: { ...RunError.decode(new Uint8Array()), type, ...error } });
const call = (seq: number, more: Partial<Call> = {}): Event => ({
  $case: "call",
  value: { seq, kind: CallKind.CALL_KIND_TOOL, name: "ask", arguments: undefined, delayMs: 0, ...more },
});
const log = (text: string): Event => ({ $case: "log", value: { level: LogLevel.LOG_LEVEL_LOG, text } });
const image = (mimeType: string): Event => ({
  $case: "output",
  value: { item: { $case: "image", value: { mimeType, data: Buffer.alloc(0) } } },
});
const ready: Event = { $case: "ready", value: {} };
const clean: Event = { $case: "clean", value: {} };
const idle: Event = { $case: "idle", value: { entries: 1, open: 0 } };
const many = (count: number, event: (index: number) => Event): Event[] =>
  Array.from({ length: count }, (_, index) => event(index));

const timer = { kind: CallKind.CALL_KIND_TIMER, name: "", delayMs: -1 };
const long = { arguments: { encoding: ValueEncoding.VALUE_ENCODING_EXACT, data: Buffer.alloc(2_000, 0x31) } };
const noise = Buffer.from(Array.from({ length: 4_096 }, (_, at) => (at * 167 + 13) % 256));

/** What a puppet says, and what the run that it spoils ends as. */
const lies: Record<string, readonly [code: string, type: RunErrorType]> = {
  "the header of a frame of 4 GiB": [writes(Buffer.from("fffffff0", "hex")), types.RUN_ERROR_TYPE_CRASHED],
  "bytes of any kind": [writes(frame(noise)), types.RUN_ERROR_TYPE_CRASHED],
  "a frame without an event": [writes(frame(Buffer.alloc(0))), types.RUN_ERROR_TYPE_CRASHED],
  "that it is ready in mid-run": [says(ready), types.RUN_ERROR_TYPE_CRASHED],
  "that it is clean in mid-run": [says(clean), types.RUN_ERROR_TYPE_CRASHED],
  "that it waits, twice": [says(idle, idle), types.RUN_ERROR_TYPE_CRASHED],
  "that it waits after more answers than it had": [
    says({ $case: "idle", value: { entries: 2, open: 0 } }),
    types.RUN_ERROR_TYPE_CRASHED,
  ],
  "that it waits for calls that it never made": [
    says({ $case: "idle", value: { entries: 1, open: 1 } }),
    types.RUN_ERROR_TYPE_DIVERGED,
  ],
  "a line while it waits": [says(idle, log("x")), types.RUN_ERROR_TYPE_CRASHED],
  "an end without a result": [says(done(undefined)), types.RUN_ERROR_TYPE_CRASHED],
  "call 2 before call 1": [says(call(2)), types.RUN_ERROR_TYPE_CRASHED],
  "the same call twice": [says(call(1), call(1)), types.RUN_ERROR_TYPE_CRASHED],
  "a call that nobody listed": [says(call(1, { name: "constructor" })), types.RUN_ERROR_TYPE_UNKNOWN_TOOL],
  "a tool as an agent": [says(call(1, { kind: CallKind.CALL_KIND_AGENT })), types.RUN_ERROR_TYPE_UNKNOWN_TOOL],
  "a call of no kind": [says(call(1, { kind: 77 as CallKind })), types.RUN_ERROR_TYPE_UNKNOWN_TOOL],
  "a timer in the past": [says(call(1, timer)), types.RUN_ERROR_TYPE_UNKNOWN_TOOL],
  "more calls than it may make": [says(...many(9, (index) => call(index + 1))), types.RUN_ERROR_TYPE_CALL_LIMIT],
  "more calls at a time than it may": [says(...many(4, (index) => call(index + 1))), types.RUN_ERROR_TYPE_CALL_LIMIT],
  "arguments over their budget": [says(call(1, long)), types.RUN_ERROR_TYPE_OUTPUT_LIMIT],
  "the end of a call that it never made": [
    says({ $case: "callCancelled", value: { seq: 1 } }),
    types.RUN_ERROR_TYPE_CRASHED,
  ],
  "a value over its budget": [says(returned(`"${"x".repeat(2_000)}"`)), types.RUN_ERROR_TYPE_OUTPUT_LIMIT],
  "output over its budget": [says(...many(20, () => image("image/png"))), types.RUN_ERROR_TYPE_CRASHED],
  "an image of a type without end": [says(image("x".repeat(101))), types.RUN_ERROR_TYPE_CRASHED],
  "megabytes of lines": [writes(bytesOf(log("x".repeat(65_536))), 24), types.RUN_ERROR_TYPE_CRASHED],
  "lines of nothing without end": [
    writes(Buffer.concat(Array<Buffer>(5_000).fill(bytesOf(log("")))), 20) + says(returned("1"), clean, ready),
    types.RUN_ERROR_TYPE_CRASHED,
  ],
  "the end of one call, again and again": [
    says(
      call(1),
      ...many(2, () => ({ $case: "callCancelled", value: { seq: 1 } }) as const),
      returned("1"),
      clean,
      ready,
    ),
    types.RUN_ERROR_TYPE_CRASHED,
  ],
  "a failure of a hundred thousand letters": [
    says(failed(types.RUN_ERROR_TYPE_RUNTIME_ERROR, { message: "x".repeat(100_000) })),
    types.RUN_ERROR_TYPE_CRASHED,
  ],
  "a failure of a call that was never made": [
    says(failed(types.RUN_ERROR_TYPE_TOOL_ERROR, { seq: 9 })),
    types.RUN_ERROR_TYPE_CRASHED,
  ],
  "that the app has ended the run": [says(failed(types.RUN_ERROR_TYPE_CANCELLED)), types.RUN_ERROR_TYPE_CRASHED],
  "that it used too much CPU time": [says(failed(types.RUN_ERROR_TYPE_CPU_LIMIT)), types.RUN_ERROR_TYPE_CRASHED],
  "a failure of a type that there is not": [says(failed(99 as RunErrorType)), types.RUN_ERROR_TYPE_CRASHED],
};

const tight: Partial<Start> = {
  components: {
    $case: "manifest",
    value: { tools: [{ name: "ask", description: "", inputSchemaJson: "", outputSchemaJson: "" }], agents: [] },
  },
  budgets: {
    ...Budgets.decode(new Uint8Array()),
    calls: 8,
    callsInFlight: 3,
    argumentBytes: 1_000n,
    resultBytes: 1_000n,
    logBytes: 1_000n,
    logLines: 10,
  },
};

const startPuppets = () => startInProcess({}, undefined, () => launch({ workerPath: puppet }));

test.for(Object.entries(lies))("H10: a worker that says %s spoils its own run alone", async ([, [code, type]]) => {
  await using executor = await startPuppets();
  await using stream = executor.open();
  stream.start(code, tight);
  const { result } = await stream.next("finished");
  expect(result).toMatchObject({ $case: "error", value: { type } });
  if (result?.$case === "error") expect(JSON.stringify(result.value)).not.toMatch(/\/|node:|\bpid\b/);
  const lines = stream.seen.filter(({ $case }) => $case === "log");
  expect(lines.length).toBeLessThanOrEqual(10);
  expect(await executor.run(says(returned("42"), clean, ready))).toMatchObject({ value: 42 });
});

/** What a frame of two million fields is made of, and the tag and length of what holds them. */
const hollow: Record<string, readonly [fields: string, inside: string]> = {
  lines: ["1200", ""],
  warnings: ["2200", "3280808002"],
  "awaited calls": ["0801", "2a80808002"],
  "awaited calls in one field": ["0101", "2a858080020a80808002"],
};

test.for(Object.entries(hollow))("W9: a frame of millions of %s is not decoded", async ([, [fields, inside]]) => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(inside.length / 2 + 4 * MIB);
  const head = Buffer.concat([length, Buffer.from(inside, "hex")]);
  await using executor = await startPuppets();
  await using stream = executor.open();
  stream.start(
    writes(head) + writes(Buffer.alloc(65_536, fields, "hex"), 64) + says(returned("42"), clean, ready),
    tight,
  );
  const { result } = await stream.next("finished");
  expect(result).toMatchObject({ $case: "error", value: { type: types.RUN_ERROR_TYPE_CRASHED } });
  expect(await executor.run(says(returned("42"), clean, ready))).toMatchObject({ value: 42 });
});

test.each<[string, Event]>([
  ["a call", call(1)],
  ["a line", log("late")],
  ["another end", returned("2")],
])("%s behind its end is nobody's any more", async (_, more) => {
  await using executor = await startPuppets();
  const { pool } = executor.executor;
  const [pid = 0] = pool.pids;
  await using stream = executor.open();
  stream.start(says(returned("1"), more, clean, ready), tight);
  expect(await stream.next("finished")).toMatchObject({ result: { $case: "value" } });
  await expect(stream.next(more.$case === "call" ? "call" : "log")).rejects.toThrow(/ended/);
  expect(stream.seen.map(({ $case }) => $case)).toEqual(["accepted", "finished"]);
  expect(await executor.run(says(returned("42"), clean, ready))).toMatchObject({ value: 42 });
  expect(pool.pids.includes(pid)).toBe(more.$case !== "done"); // who ends twice is no worker of ours
});

test("who floods its stderr is killed, and nothing of it is kept", async () => {
  await using executor = await startPuppets();
  const before = process.memoryUsage().rss;
  const { error } = await executor.run(`[[256 noise]]${says(returned("42"), clean, ready)}`);
  expect(error?.type).toBe(types.RUN_ERROR_TYPE_CRASHED);
  expect((process.memoryUsage().rss - before) / MIB).toBeLessThan(128);
  expect(await executor.run(says(returned("42"), clean, ready))).toMatchObject({ value: 42 });
});

test("all workers killed at once, twenty times: each time the next run is right", async () => {
  await using executor = await startInProcess({ CODEMODE_EXECUTOR_WORKERS: "2" });
  const { pool } = executor.executor;
  for (let time = 0; time < 20; time++) {
    const killed = pool.pids;
    for (const pid of killed) process.kill(pid, "SIGKILL");
    expect(await Promise.all([1, 2].map((n) => executor.run(`return ${n}`)))).toMatchObject([
      { value: 1 },
      { value: 2 },
    ]);
    expect(pool.pids.filter((pid) => killed.includes(pid))).toEqual([]);
  }
  await expect.poll(() => pool.pids.filter(isAlive).length).toBe(2);
});

const short = (wallMs: number): Partial<Start> => ({
  budgets: { ...Budgets.decode(new Uint8Array()), wallTime: toDuration(wallMs), cpuTime: toDuration(60_000) },
});

test("a worker that is stopped is over its time like any other, and is replaced", async () => {
  await using executor = await startInProcess();
  const { pool } = executor.executor;
  const [pid = 0] = pool.pids;
  await using stream = executor.open();
  stream.start("console.log('here'); for (;;);", short(1_000));
  await stream.next("log");
  process.kill(pid, "SIGSTOP");
  const { result } = await stream.next("finished");
  expect(result).toMatchObject({ $case: "error", value: { type: types.RUN_ERROR_TYPE_TIMEOUT } });
  expect(await executor.run("return 1")).toMatchObject({ value: 1 });
  expect(pool.pids).not.toContain(pid);
  await expect.poll(() => isAlive(pid)).toBe(false);
});

test("a wall clock that jumps an hour back gives a run no more time", async () => {
  const { now } = Date;
  let jump = 0;
  const clock = vi.spyOn(Date, "now").mockImplementation(() => now() - jump);
  await using executor = await startInProcess();
  await using stream = executor.open();
  stream.start("console.log('here'); for (;;);", short(300));
  await stream.next("log");
  jump = 3_600_000;
  const { result } = await stream.next("finished");
  clock.mockRestore();
  expect(result).toMatchObject({ $case: "error", value: { type: types.RUN_ERROR_TYPE_TIMEOUT } });
});

test.each(["SIGSEGV", "SIGABRT", "SIGTRAP"] as const)("a worker that ends by %s leaves no core", async (signal) => {
  await using executor = await startInProcess();
  const { pool } = executor.executor;
  const [pid = 0] = pool.pids;
  expect(readFileSync(`/proc/${pid}/limits`, "latin1")).toMatch(/^Max core file size +0 +0 /m);
  process.kill(pid, signal);
  expect(await executor.run("return 1")).toMatchObject({ value: 1 });
  expect(pool.pids).not.toContain(pid);
});
