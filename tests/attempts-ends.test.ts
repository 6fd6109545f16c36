import { setTimeout as sleep } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { status } from "@grpc/grpc-js";
import { toDuration, withStatusDetails } from "@codemode/proto";
import { decode } from "@codemode/proto/values";
import { Codemode, Run, RuntimeContext } from "../client/src/index.ts";
import { ComponentSet } from "../client/src/registry/component-set.ts";
import { processesBelow } from "./processes.ts";
import { held, lose, withScript } from "./scripted-client.ts";
import { gone, type Peer, startScripted } from "./scripted-executor.ts";

// How many attempts are made at a run, where, and how a run ends between them.

test("an attempt that brings the run further starts the count again", async () => {
  await using it = await withScript(
    async (peer, attempt) => {
      peer.accept();
      if (attempt === 12) return peer.finish(attempt);
      if (attempt % 2 === 0) return lose(peer); // in vain
      peer.call((attempt + 1) / 2, "step");
      await peer.answer();
      lose(peer);
    },
    { step: () => 1 },
    { retry: { maxAttempts: 2 } },
  );
  const outcome = await it.run();
  expect(outcome).toMatchObject({ value: 12, attempts: 12, calls: { length: 6 }, interruptions: { length: 11 } });
});

test("when the attempts are used up in mid-run the outcome is Crashed, with what is known of the calls", async () => {
  const slow = held();
  await using it = await withScript(
    async (peer, attempt) => {
      if (attempt > 2) return peer.fail({ code: status.RESOURCE_EXHAUSTED, details: "all taken" });
      peer.accept();
      if (attempt > 1) return lose(peer);
      peer.call(1, "quick");
      await peer.answer();
      peer.call(2, "slow");
      await slow.started;
      lose(peer);
    },
    { quick: () => 1, slow: slow.handler },
    { retry: { maxAttempts: 3 } },
  );
  const outcome = await it.run();
  expect(outcome).toMatchObject({
    error: { type: "Crashed" },
    calls: [
      { name: "quick", state: "succeeded" },
      { name: "slow", state: "unknown" },
    ],
    attempts: 4,
  });
  expect(outcome.error?.message).toBe(
    `The executor at ${it.executor.url} was lost in mid-run, and 4 attempts did not bring it to its end: all taken`,
  );
  expect(outcome.interruptions).toEqual([
    { attempt: 1, code: "UNREACHABLE", message: `${it.executor.url}: scripted` },
    { attempt: 2, code: "UNREACHABLE", message: `${it.executor.url}: scripted` },
    { attempt: 3, code: "BUSY", message: `${it.executor.url}: all taken` },
  ]);
  expect(outcome.toJSON()).toMatchObject({ attempts: 4, interruptions: outcome.interruptions });
  expect((await slow.started).aborted).toBe(true);
  expect(it.told.filter(({ message }) => message === "Sending the run").map(({ fields }) => fields)).toMatchObject([
    { attempt: 2, address: it.executor.url, executionId: outcome.executionId },
    { attempt: 3 },
    { attempt: 4 },
  ]);
});

test("a refusal that no other attempt can mend ends a run that has begun as Crashed", async () => {
  await using it = await withScript((peer, attempt) => {
    if (attempt > 1) return peer.fail({ code: status.UNIMPLEMENTED, details: "does not replay" });
    peer.accept();
    lose(peer);
  });
  const outcome = await it.run();
  expect(outcome).toMatchObject({ error: { type: "Crashed" }, attempts: 2 });
  expect(outcome.error?.message).toContain("does not replay");
});

test("retries that are switched off are off in mid-run too", async () => {
  await using it = await withScript((peer) => (peer.accept(), lose(peer)), {}, { retry: { enabled: false } });
  expect(await it.run()).toMatchObject({ error: { type: "Crashed" }, attempts: 1, interruptions: [] });
});

test("in mid-run too the executor's RetryInfo wins over the configured wait", async () => {
  const code = status.UNAVAILABLE;
  await using it = await withScript(
    (peer, attempt) => {
      peer.accept();
      if (attempt === 1) return peer.fail({ code, metadata: withStatusDetails(code, "", { retryAfterMs: 3 }) });
      peer.finish("in");
    },
    {},
    { retry: { baseMs: 60_000, maxMs: 60_000 } },
  );
  expect(await it.run()).toMatchObject({ value: "in" });
  expect(it.told[0]?.fields).toMatchObject({ waitMs: 3 });
});

test("an executor cannot keep a run waiting by getting it a little further each time", async () => {
  const code = status.UNAVAILABLE;
  await using it = await withScript(
    (peer, attempt) => {
      peer.accept();
      peer.timer(attempt, 0);
      peer.fail({ code, metadata: withStatusDetails(code, "", { retryAfterMs: 60_000 }) });
    },
    {},
    { retry: { maxElapsedMs: 100 } },
  );
  const { error, interruptions } = await it.run();
  expect(error?.type).toBe("Crashed");
  expect(interruptions.length).toBeLessThanOrEqual(2);
});

test("runs begin at one address after the other, and go on at the next", async () => {
  const served: string[] = [];
  const serve = (name: string) => (peer: Peer) => {
    served.push(name);
    if (name === "down") return lose(peer);
    peer.accept();
    peer.finish(name);
  };
  await using down = await startScripted(serve("down"));
  await using it = await withScript(serve("up"), {}, {});
  await using codemode = Codemode.fromClientConfig({
    config: { executor: { url: `${down.url}, ${it.executor.url}` }, retry: { baseMs: 1 } },
  });
  expect(await codemode.execute("…")).toMatchObject({ value: "up", attempts: 2 });
  expect(await codemode.execute("…")).toMatchObject({ value: "up", attempts: 1 });
  expect(await codemode.execute("…")).toMatchObject({ value: "up", attempts: 1 }); // who has just failed is passed over
  expect(served).toEqual(["down", "up", "up", "up"]);
});

test("a run that finds an executor full goes on at another, without the wait that the full one asks for", async () => {
  const code = status.RESOURCE_EXHAUSTED;
  await using full = await startScripted((peer) =>
    peer.fail({ code, metadata: withStatusDetails(code, "", { retryAfterMs: 60_000 }) }),
  );
  await using it = await withScript((peer) => (peer.accept(), peer.finish("up")));
  await using codemode = Codemode.fromClientConfig({
    config: { executor: { url: `${it.executor.url}, ${full.url}` }, retry: { baseMs: 1 } },
  });
  expect(await codemode.execute("…")).toMatchObject({ value: "up", attempts: 1 });
  expect(await codemode.execute("…")).toMatchObject({ value: "up", attempts: 2, interruptions: [{ code: "BUSY" }] });
});

test("a run that is lost at one address goes on at another", async () => {
  const pay = held();
  const other = await startScripted(async (peer) => {
    peer.accept();
    peer.call(1, "pay");
    pay.resolve("paid");
    const { result } = await peer.answer();
    peer.finish(result?.$case === "value" && decode(result.value.data.toString()));
  });
  await using first = await startScripted(async (peer) => {
    peer.accept();
    peer.call(1, "pay");
    await pay.started;
    peer.cut();
  });
  const url = `${first.url},${other.url}`;
  await using it = await withScript(() => {}, { pay: pay.handler }, { executor: { url } });
  expect(await it.run()).toMatchObject({ value: "paid", attempts: 2, interruptions: [{ code: "UNREACHABLE" }] });
  expect([it.calls, first.streams, other.streams]).toEqual([["pay"], 1, 1]);
  await other[Symbol.asyncDispose]();
});

test("where no address answers the error names them all", async () => {
  await using codemode = Codemode.fromClientConfig({
    config: { executor: { url: "127.0.0.1:1,127.0.0.1:2" }, retry: { baseMs: 1, maxAttempts: 2 } },
  });
  await expect(codemode.execute("…")).rejects.toThrow(/127\.0\.0\.1:1, 127\.0\.0\.1:2 after 2 attempts/);
  await expect(codemode.health()).rejects.toThrow(/127\.0\.0\.1:1, 127\.0\.0\.1:2/);
});

test("an abort between attempts is Cancelled at once, and the handlers hear of it", async () => {
  const caller = new AbortController();
  const slow = held();
  await using it = await withScript(
    async (peer) => {
      peer.accept();
      peer.call(1, "slow");
      await slow.started;
      lose(peer);
    },
    { slow: slow.handler },
    { retry: { baseMs: 60_000, maxMs: 60_000 } },
  );
  it.whileWaiting(() => setImmediate(() => caller.abort(new Error("enough"))));
  const outcome = await it.run({ signal: caller.signal });
  expect(outcome).toMatchObject({ error: { type: "Cancelled" }, attempts: 1, calls: [{ state: "unknown" }] });
  expect((await slow.started).reason).toMatchObject({ message: "enough" });
  expect(it.executor.streams).toBe(1);
});

test("an abort before Accepted is Cancelled, and the stream is over", async () => {
  const caller = new AbortController();
  const left = Promise.withResolvers<void>();
  await using it = await withScript(async (peer) => {
    caller.abort(new Error("enough"));
    await gone(peer);
    left.resolve();
  });
  expect(await it.run({ signal: caller.signal })).toMatchObject({ error: { type: "Cancelled" }, attempts: 1 });
  await left.promise;
});

test("close() ends a run that waits for its next attempt", async () => {
  await using it = await withScript(
    (peer) => (peer.accept(), lose(peer)),
    {},
    {
      retry: { baseMs: 60_000, maxMs: 60_000 },
    },
  );
  let closed: Promise<void> | undefined;
  it.whileWaiting(() => (closed = it.codemode.close()));
  expect(await it.run()).toMatchObject({ error: { type: "Cancelled" } });
  await closed;
});

test("close({ wait: true }) refuses new runs, and lets those under way end, attempts included", async () => {
  const slow = held();
  await using it = await withScript(
    async (peer, attempt) => {
      peer.accept();
      peer.call(1, "slow");
      if (attempt === 1) return (await slow.started, lose(peer));
      slow.resolve("done");
      await peer.answer();
      peer.finish("done");
    },
    { slow: slow.handler },
  );
  let closing: Promise<void> | undefined;
  it.whileWaiting(() => (closing = it.codemode.close({ wait: true })));
  expect(await it.run()).toMatchObject({ value: "done", attempts: 2 });
  await expect(it.run()).rejects.toMatchObject({ code: "CLOSED" });
  await closing;
});

test("an abort in the turn of an answer is told behind it, and does not cut it off", async () => {
  const [slow, said] = [held(), Promise.withResolvers<unknown[]>()];
  await using it = await withScript(
    async (peer) => {
      peer.accept();
      peer.call(1, "slow");
      peer.call(2, "slow");
      said.resolve([(await peer.next())?.$case, (await peer.next())?.$case]);
      peer.fail({ code: status.CANCELLED });
    },
    { slow: slow.handler },
  );
  const caller = new AbortController();
  const running = it.run({
    signal: caller.signal,
    onCall: ({ seq, state }) => {
      if (state === "pending" && seq === 2) slow.resolve("done"); // both
      if (state === "succeeded" && seq === 2) caller.abort();
    },
  });
  expect(await said.promise).toEqual(["callResult", "cancel"]);
  expect(await running).toMatchObject({ error: { type: "Cancelled" } });
});

test("close() after close({ wait: true }) ends what still runs", async () => {
  const slow = held();
  await using it = await withScript(
    async (peer) => {
      peer.accept();
      peer.call(1, "slow");
      await peer.next(); // Cancel
      peer.fail({ code: status.CANCELLED });
    },
    { slow: slow.handler },
  );
  const running = it.run();
  await slow.started;
  const waiting = it.codemode.close({ wait: true });
  await it.codemode.close();
  await waiting;
  expect(await running).toMatchObject({ error: { type: "Cancelled" } });
});

test("the time that executors have a run is counted over all attempts, and the time between them is not", async () => {
  let now = 1_000;
  const clock = vi.spyOn(performance, "now").mockImplementation(() => now);
  const run = new Run({
    executionId: "e",
    correlationId: "c",
    code: "",
    fileName: undefined,
    components: ComponentSet.NONE,
    context: new RuntimeContext(),
    config: {},
    budgets: { timeoutMs: 1_000 },
    inContext: (body) => body(),
  });
  const budgets = { wallTime: toDuration(5_000), waitTime: toDuration(500), cpuTime: undefined };
  const left: number[] = [];
  const after = (ms: number) => ((now += ms), left.push(run.leftMs));
  run.accept({ executorId: "", budgets, takesBatches: false });
  after(400);
  run.disconnect();
  after(60_000);
  run.accept({ executorId: "", budgets, takesBatches: false });
  after(200);
  after(10_000);
  clock.mockRestore();
  expect(left).toEqual([1_100, 1_100, 900, 0]);
});

test("a run that is lost goes on after its wall time when it may wait for tools longer than that", async () => {
  await using it = await withScript(
    async (peer, attempt) => {
      peer.accept(50, 30_000);
      peer.call(1, "slow");
      if (attempt === 1) return void setTimeout(() => lose(peer), 100);
      peer.finish((await peer.answer()).result?.$case);
    },
    { slow: () => sleep(200, 1) },
  );
  expect(await it.run({ timeoutMs: 50 })).toMatchObject({
    value: "value",
    attempts: 2,
    calls: [{ state: "succeeded" }],
  });
  expect(it.calls).toEqual(["slow"]);
});

const pidOfExecutor = () => processesBelow(process.pid).find(({ command }) => command.includes("--listen"))?.pid;

test("an embedded executor that dies in mid-run is followed by a new one", { timeout: 20_000 }, async () => {
  await using codemode = Codemode.fromClientConfig({ config: { executor: { workers: 1 }, retry: { baseMs: 1 } } });
  const kill = () => {
    const pid = pidOfExecutor()!;
    process.kill(pid, "SIGKILL");
    return pid;
  };
  const killed: number[] = [];
  const code = "console.log('here'); let n = 0; while (n < 5e6) n += 1; return n";
  const outcome = await codemode.execute(code, { onLog: () => killed.length === 0 && killed.push(kill()) });
  expect(outcome).toMatchObject({ value: 5e6, attempts: 2, interruptions: [{ code: "UNREACHABLE" }] });
  killed.push(kill()); // nobody has noticed when the next run begins
  expect(await codemode.execute("return 1")).toMatchObject({ value: 1 });
  expect(new Set(killed).size).toBe(2);
  await codemode.close();
  expect(pidOfExecutor()).toBeUndefined();
});

test("an embedded executor that refuses to serve and does not die is replaced", { timeout: 20_000 }, async () => {
  await using codemode = Codemode.fromClientConfig({ config: { executor: { workers: 1 }, retry: { baseMs: 1 } } });
  await codemode.execute("return 1");
  const before = pidOfExecutor()!;
  const slow = codemode.execute("await new Promise((r) => setTimeout(r, 60_000))"); // keeps it from ending at once
  await vi.waitFor(async () => expect((await codemode.health()).inFlight).toBe(1));
  process.kill(before, "SIGTERM");
  await vi.waitFor(async () => expect((await codemode.health()).serving).toBe(false));
  expect(await codemode.execute("return 1")).toMatchObject({ value: 1, attempts: 2 });
  expect(pidOfExecutor()).not.toBe(before);
  await codemode.close();
  await slow;
});
