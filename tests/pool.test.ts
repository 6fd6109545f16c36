import { expect, test } from "vitest";
import { RunErrorType } from "@codemode/proto";
import { frame, FrameReader } from "../executor/src/pool/frames.ts";
import { launch } from "../executor/src/pool/launch.ts";
import { Pool } from "../executor/src/pool/pool.ts";
import { parsePsLine, PsProbe, systemProbe } from "../executor/src/pool/probe.ts";
import { isAlive, startInProcess } from "./executor-fixture.ts";
import { withAsk } from "./journal-fixture.ts";

const account = { id: "one", weight: 1 };
const a = { account, tenant: "a" };
const limits = { maxWaiting: 1, maxWaitMs: 60_000, totalWeight: 1, isolation: "isolate" } as const;
const never = new AbortController().signal;

test("frames come out whole however the bytes are cut", () => {
  const bodies = [Buffer.from("one"), Buffer.alloc(0), Buffer.alloc(70_000, 7)];
  const bytes = Buffer.concat(bodies.map((body) => frame(body)));
  for (const size of [1, 3, 4, 5, 65_536, bytes.length]) {
    const reader = new FrameReader();
    const out: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += size) out.push(...reader.push(bytes.subarray(at, at + size)));
    expect(out.map((body) => body.toString("hex"))).toEqual(bodies.map((body) => body.toString("hex")));
  }
});

test("a frame over the maximum is refused from its header alone", () => {
  const header = Buffer.alloc(4);
  header.writeUInt32BE(0xffff_fff0);
  expect(() => [...new FrameReader().push(header)]).toThrow(/over/);
});

test("a chunk of thousands of frames does not hold the edge", () => {
  const chunk = Buffer.concat(Array<Buffer>(10_000).fill(frame(Buffer.alloc(2))));
  const startedAt = process.cpuUsage();
  expect([...new FrameReader().push(chunk)]).toHaveLength(10_000);
  const { user, system } = process.cpuUsage(startedAt);
  expect((user + system) / 1_000).toBeLessThan(100); // of CPU time: 12 ms here, 300 where each is cut from a copy
});

test("a lease goes to a worker of its tenant, and a worker never changes tenants (P2)", async () => {
  await using executor = await startInProcess();
  const { pool } = executor.executor;
  const [first] = pool.pids;
  await expect(executor.run("return 1", { tenant: "a" })).resolves.toMatchObject({ value: 1 });
  await expect(executor.run("return 2", { tenant: "a" })).resolves.toMatchObject({ value: 2 });
  expect(pool.pids).toEqual([first]);
  await expect(executor.run("return 3", { tenant: "b" })).resolves.toMatchObject({ value: 3 });
  expect(pool.pids).not.toContain(first);
  expect(isAlive(first ?? 0)).toBe(false);
});

test("a run whose worker is killed goes on on another, the app none the wiser (W1)", async () => {
  await using executor = await startInProcess({ CODEMODE_EXECUTOR_WORKERS: "2" });
  const { pool } = executor.executor;
  await using stream = executor.open();
  const code =
    "console.log('once'); const a = await tools.ask(); console.log(a); return [a, await tools.ask(), Math.random()]";
  stream.start(code, withAsk);
  await stream.next("idle");
  stream.answer(1, "one");
  await stream.next("idle");
  const pids = pool.pids;
  for (const pid of pids) process.kill(pid, "SIGKILL");
  stream.answer(2, "two");
  const { result, usage } = await stream.next("finished");
  const value = result?.$case === "value" ? (JSON.parse(result.value.data.toString()) as unknown[]) : result;
  expect(value).toEqual(["one", "two", expect.any(Number)]);
  expect(usage?.calls).toBe(2);
  expect(stream.seen.map((event) => event.$case).filter((kind) => kind === "log" || kind === "call")).toEqual([
    "log",
    "call",
    "log",
    "call",
  ]);
  await Promise.all(["return 1", "return 2"].map((program) => executor.run(program)));
  expect(pool.pids).toHaveLength(2);
  expect(pool.pids.some((pid) => pids.includes(pid))).toBe(false);
});

test("a run whose worker dies again and again ends as Crashed, and the pool is whole again (W1)", async () => {
  await using executor = await startInProcess();
  const { pool } = executor.executor;
  await using stream = executor.open();
  stream.start("await tools.ask()", withAsk);
  for (let death = 0; death < 3; death++) {
    await stream.next("idle");
    for (const pid of pool.pids) process.kill(pid, "SIGKILL");
  }
  const { result } = await stream.next("finished");
  expect(result).toMatchObject({ $case: "error", value: { type: RunErrorType.RUN_ERROR_TYPE_CRASHED } });
  expect((await stream.status).code).toBe(0);
  expect(await executor.run("return 1")).toMatchObject({ value: 1 });
});

test("runs that wait leave their workers to others, and come back for their answers", async () => {
  await using executor = await startInProcess();
  const streams = Array.from({ length: 20 }, () => executor.open());
  const code = "const a = await tools.ask({ n: 1 }); const b = await tools.ask({ n: 2 }); return a + b";
  for (const stream of streams) stream.start(code, withAsk);
  // All wait at once on one worker; the last to come is answered first.
  for (const stream of streams) await stream.next("call");
  for (const [index, stream] of [...streams.entries()].toReversed()) stream.answer(1, index);
  for (const stream of streams) await stream.next("call");
  for (const [index, stream] of streams.entries()) stream.answer(2, 100 * index);
  for (const [index, stream] of streams.entries()) {
    const { result } = await stream.next("finished");
    expect(result?.$case === "value" && JSON.parse(result.value.data.toString())).toBe(101 * index);
    expect(stream.seen.filter(({ $case }) => $case === "call")).toHaveLength(2);
    await stream[Symbol.asyncDispose]();
  }
  expect(executor.executor.pool.pids).toHaveLength(1);
});

test("a run that makes many calls at once leaves its worker like any other", async () => {
  await using executor = await startInProcess();
  await using stream = executor.open();
  stream.start("return (await Promise.all(Array.from({ length: 60 }, (_, n) => tools.ask({ n })))).length", withAsk);
  const others = [1, 2].map((n) => executor.run(`return ${n}`)); // in the line before the calls are made
  for (let seq = 1; seq <= 60; seq++) await stream.next("call");
  expect(await Promise.all(others)).toMatchObject([{ value: 1 }, { value: 2 }]);
  for (let seq = 1; seq <= 60; seq++) stream.answer(seq, seq);
  const { result } = await stream.next("finished");
  expect(result?.$case === "value" && JSON.parse(result.value.data.toString())).toBe(60);
});

test("waiting for a worker ends with the signal", async () => {
  await using executor = await startInProcess();
  const { pool } = executor.executor;
  await using lease = await pool.lend(a, never);
  const caller = new AbortController();
  const waiting = pool.lend(a, caller.signal);
  caller.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
  await lease.release(undefined);
  await using next = await pool.lend(a, never);
  expect(next.pid).toBe(lease.pid);
});

test("a pool whose workers cannot start says what they said to who starts it, and to the log; to clients that none can", async () => {
  const start = () => launch({ workerPath: "/nowhere/worker.js" });
  const said: string[] = [];
  const failed = (text: string): void => void said.push(text);
  await using pool = new Pool({ size: 2, ...limits, launch: start, probe: systemProbe(), failed });
  await expect(pool.start()).rejects.toThrow(/Cannot start a worker process: [^]*nowhere/);
  await expect(pool.lend(a, never)).rejects.toMatchObject({
    code: "UNREACHABLE",
    message: expect.stringMatching(/Cannot start a worker process$/),
  });
  expect(said).toEqual([expect.stringContaining("nowhere")]);
});

test("a client of an executor whose workers can start no more hears nothing of its machine", async () => {
  let path: string | undefined;
  const start = () => launch(path === undefined ? {} : { workerPath: path });
  await using executor = await startInProcess({}, undefined, start);
  path = "/nowhere/worker.js";
  for (const pid of executor.executor.pool.pids) process.kill(pid, "SIGKILL");
  await expect.poll(() => executor.executor.pool.isAble, { timeout: 20_000 }).toBe(false);
  const told = async (): Promise<string> => {
    await using stream = executor.open();
    stream.start("return 1");
    stream.call.resume();
    return (await stream.status).details;
  };
  await expect.poll(told, { timeout: 20_000 }).toContain("Cannot start a worker process");
  expect(await told()).not.toMatch(/nowhere|[/\\]/);
  expect(JSON.stringify(executor.log)).toContain("nowhere");
});

test("a worker that says nothing sensible is killed", async () => {
  const start = () => launch({ workerPath: new URL("garbage-worker.mjs", import.meta.url).pathname });
  await using pool = new Pool({ size: 1, ...limits, launch: start, probe: systemProbe() });
  await expect(pool.start()).rejects.toThrow(/Frame of \d+ bytes is over/);
});

test("processes can be looked at where there is no /proc", async () => {
  const probe = new PsProbe();
  await probe.refresh([process.pid]);
  expect(probe.gauge(process.pid).sample()?.residentBytes).toBeGreaterThan(1e6);
  expect(parsePsLine(" 12  1-02:03:04.5  100")).toEqual([[12, { cpuMs: 93_784_500, residentBytes: 102_400 }]]);
});

test("a tenant that keeps the pool busy does not keep others out", async () => {
  await using executor = await startInProcess();
  const { pool } = executor.executor;
  const served: string[] = [];
  const run = async (tenant: string): Promise<void> => {
    await using lease = await pool.lend({ ...a, tenant }, never);
    served.push(tenant);
    await lease.release(undefined);
  };
  const greedy = async (): Promise<void> => {
    while (!served.includes("b")) await run("a");
  };
  await run("a");
  await Promise.all([greedy(), greedy(), run("b"), greedy()]);
  expect(served.slice(0, 6)).toContain("b");
});
