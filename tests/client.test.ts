import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { status } from "@grpc/grpc-js";
import { decode } from "@codemode/proto/values";
import { type CallInfo, Codemode, ComponentRegistry, ExecutorAuthError, OutcomeError } from "../client/src/index.ts";
import { gone, type Script, startScripted } from "./scripted-executor.ts";

async function withClient(script: Script, registry = new ComponentRegistry()) {
  const executor = await startScripted(script);
  const config = { executor: { mode: "remote", url: executor.url, apiKey: "key" }, retry: { baseMs: 1 } } as const;
  const codemode = Codemode.fromClientConfig({ registry, config });
  return {
    executor,
    codemode,
    async [Symbol.asyncDispose]() {
      await codemode.close();
      await executor[Symbol.asyncDispose]();
    },
  };
}

const registryOf = (name: string, execute: (input: { a: number; b: number }, call: CallInfo) => unknown) =>
  new ComponentRegistry().registerTool(name, { description: "", execute });

test("execute() resolves with the value, the logs, the calls and the ids of the run", async () => {
  const seen: unknown[] = [];
  const registry = registryOf("add", ({ a, b }, call) => {
    seen.push(call);
    return a + b;
  });
  await using it = await withClient(async (peer) => {
    peer.accept();
    peer.say({ $case: "log", value: { level: 2, text: "hi", line: 3 } });
    peer.call(1, "add", { a: 40, b: 2 });
    const { result } = await peer.answer();
    peer.finish(result?.$case === "value" ? decode(result.value.data.toString()) : result);
  }, registry);
  const outcome = await it.codemode.withContext({ clientId: "acme" }).execute("…", { correlationId: "c-1" });
  expect(outcome).toMatchObject({
    status: "ok",
    value: 42,
    error: null,
    correlationId: "c-1",
    attempts: 1,
    logs: [{ level: "log", text: "hi", line: 3 }],
    calls: [{ seq: 1, name: "add", kind: "tool", state: "succeeded" }],
  });
  const { executionId } = outcome;
  expect(seen).toMatchObject([{ executionId, seq: 1, idempotencyKey: `${executionId}:1`, correlationId: "c-1" }]);
  expect(seen).toMatchObject([{ context: { variables: { clientId: "acme" } } }]);
  expect(it.executor.keys).toEqual(["Bearer key"]);
  expect(JSON.parse(JSON.stringify(outcome))).toMatchObject({ value: 42, calls: [{ seq: 1, name: "add" }] });
});

test("a generated correlation id says where it comes from, and one that is not allowed is refused", async () => {
  await using it = await withClient((peer) => {
    peer.accept();
    peer.finish(peer.start.correlationId);
  });
  const outcome = await it.codemode.execute("…");
  expect(outcome.value).toMatch(/^cm-[a-z0-9]+-[a-z0-9]{4}$/);
  expect(outcome.correlationId).toBe(outcome.value);
  await expect(it.codemode.execute("…", { correlationId: "a b" })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
});

test("an error of a handler reaches the program with its code and without its stack", async () => {
  const registry = registryOf("boom", () => {
    throw Object.assign(new RangeError("too far"), { code: "E_FAR", retryable: true });
  });
  await using it = await withClient(async (peer) => {
    peer.accept();
    peer.call(1, "boom");
    peer.finish((await peer.answer()).result?.value);
  }, registry);
  const outcome = await it.codemode.execute("…");
  expect(outcome.value).toEqual({ type: 1, name: "RangeError", message: "too far", code: "E_FAR", retryable: true });
  expect(outcome.calls).toMatchObject([{ state: "failed" }]);
});

test.each(["__proto__", "constructor", "prototype"])("arguments with the key %s never reach a handler", async (key) => {
  let called = 0;
  await using it = await withClient(
    async (peer) => {
      peer.accept();
      peer.call(1, "take", JSON.parse(`{"a": {"${key}": {"admin": true}}}`));
      peer.finish((await peer.answer()).result?.value);
    },
    registryOf("take", () => (called += 1)),
  );
  expect((await it.codemode.execute("…")).value).toMatchObject({ name: "ToolInputError" });
  expect(called).toBe(0);
});

const violations: Record<string, Script> = {
  "a call that repeats its seq": (peer) => (peer.accept(), peer.call(1, "take"), peer.call(1, "take")),
  "a call out of order": (peer) => (peer.accept(), peer.call(1, "take"), peer.call(3, "take")),
  "a call of an unlisted tool": (peer) => (peer.accept(), peer.call(1, "take"), peer.call(2, "constructor")),
  "an end without Finished": (peer) => {
    peer.accept();
    peer.call(1, "take");
    peer.stream.end();
  },
};
test.each(Object.entries(violations))("%s is a protocol error, and the handler ran at most once", async (_, script) => {
  let called = 0;
  await using it = await withClient(
    script,
    registryOf("take", () => void (called += 1)),
  );
  await expect(it.codemode.execute("…")).rejects.toMatchObject({ code: "PROTOCOL" });
  expect(called).toBeLessThanOrEqual(1);
  expect(it.executor.streams).toBe(1);
});

test("a run may call only the tools that execute() names", async () => {
  const registry = registryOf("open", () => 1).registerTool("shut", { description: "", execute: () => 2 });
  await using it = await withClient((peer) => {
    peer.accept();
    peer.call(1, "shut");
  }, registry);
  await expect(it.codemode.execute("…", { tools: ["open"] })).rejects.toThrow(/"shut", which this run does not have/);
  await expect(it.codemode.execute("…", { tools: ["none"] })).rejects.toMatchObject({ code: "NOT_FOUND" });
});

test("the caller's signal cancels the run and fires the signals of its handlers", async () => {
  const caller = new AbortController();
  const aborted = Promise.withResolvers<unknown>();
  const registry = registryOf("wait", (_, call) => {
    call.signal.addEventListener("abort", () => aborted.resolve(call.signal.reason));
    caller.abort(new Error("enough"));
    return new Promise(() => {});
  });
  const said = Promise.withResolvers<unknown>();
  await using it = await withClient(async (peer) => {
    peer.accept();
    peer.call(1, "wait");
    said.resolve(await peer.next());
    peer.fail({ code: status.CANCELLED });
  }, registry);
  const outcome = await it.codemode.execute("…", { signal: caller.signal });
  expect(outcome).toMatchObject({ status: "failed", error: { type: "Cancelled" }, calls: [{ state: "unknown" }] });
  expect(await aborted.promise).toMatchObject({ message: "enough" });
  expect(await said.promise).toMatchObject({ $case: "cancel", value: { reason: "enough" } });
  expect(() => outcome.unwrap()).toThrow(OutcomeError);
});

test("answers travel in the order in which the calls settled, timers among them", async () => {
  const first = Promise.withResolvers<string>();
  const registry = registryOf("slow", () => first.promise);
  await using it = await withClient(async (peer) => {
    peer.accept();
    peer.call(1, "slow");
    peer.timer(2, 5);
    const early = await peer.answer();
    first.resolve("late");
    peer.finish([early.seq, (await peer.answer()).seq]);
  }, registry);
  const outcome = await it.codemode.execute("…");
  expect(outcome.value).toEqual([2, 1]);
  expect(outcome.calls).toHaveLength(1);
});

test("CallCancelled fires the handler's signal and gets no answer", async () => {
  const stopped = Promise.withResolvers<void>();
  const registry = registryOf(
    "wait",
    (_, call) => new Promise(() => call.signal.addEventListener("abort", () => stopped.resolve())),
  );
  registry.registerTool("next", { description: "", execute: () => "next" });
  await using it = await withClient(async (peer) => {
    peer.accept();
    peer.call(1, "wait");
    peer.say({ $case: "callCancelled", value: { seq: 1 } });
    peer.call(2, "next");
    peer.finish((await peer.answer()).seq);
  }, registry);
  const outcome = await it.codemode.execute("…");
  await stopped.promise;
  expect(outcome.value).toBe(2);
});

test("a handler over its time fails in the program and sees its signal", async () => {
  let aborted = false;
  const registry = registryOf(
    "wait",
    (_, call) => new Promise(() => call.signal.addEventListener("abort", () => (aborted = true))),
  );
  await using it = await withClient(async (peer) => {
    peer.accept();
    peer.call(1, "wait");
    peer.finish((await peer.answer()).result?.value);
  }, registry);
  const outcome = await it.codemode.execute("…", { budgets: { toolTimeoutMs: 10 } });
  expect(outcome.value).toMatchObject({ name: "TimeoutError", code: "TIMEOUT", retryable: true });
  expect(aborted).toBe(true);
});

test("a time-out for tools that is longer than any timer is none", async () => {
  await using it = await withClient(
    async (peer) => {
      peer.accept();
      peer.call(1, "slow");
      peer.finish((await peer.answer()).result?.$case);
    },
    registryOf("slow", () => sleep(20, "answer")),
  );
  const outcome = await it.codemode.execute("…", { budgets: { toolTimeoutMs: 2 ** 31 } });
  expect(outcome.value).toBe("value");
});

test.each([
  ["input", 0],
  ["output", 1],
] as const)("an %s schema that does not answer in the time of its call fails in the program", async (side, called) => {
  const answered = Promise.withResolvers<{ value: unknown }>();
  const schema = { "~standard": { version: 1, vendor: "test", validate: () => answered.promise } } as const;
  const handler = vi.fn<() => number>(() => 1);
  const registry = new ComponentRegistry();
  registry.registerTool("slow", { description: "", [`${side}Schema`]: schema, execute: handler });
  await using it = await withClient(async (peer) => {
    peer.accept();
    peer.call(1, "slow", {});
    const { result } = await peer.answer();
    answered.resolve({ value: 1 }); // too late: no handler is called for it
    await setImmediate();
    peer.finish(result?.value);
  }, registry);
  const outcome = await it.codemode.execute("…", { budgets: { toolTimeoutMs: 10 } });
  expect(outcome.value).toMatchObject({ name: "TimeoutError", message: '"slow" took longer than 10 ms' });
  expect(handler).toHaveBeenCalledTimes(called);
});

test("a refused key is an ExecutorAuthError, after one attempt", async () => {
  await using it = await withClient((peer) => peer.fail({ code: status.UNAUTHENTICATED }));
  await expect(it.codemode.execute("…")).rejects.toBeInstanceOf(ExecutorAuthError);
  expect(it.executor.streams).toBe(1);
});

test("close() ends the runs under way as Cancelled, and later ones are refused", async () => {
  const open = Promise.withResolvers<void>();
  const left = Promise.withResolvers<void>();
  await using it = await withClient(async (peer) => {
    peer.accept();
    open.resolve();
    await peer.next();
    peer.fail({ code: status.CANCELLED });
    left.resolve();
  });
  const running = it.codemode.execute("…");
  await open.promise;
  await it.codemode.close();
  expect(await running).toMatchObject({ error: { type: "Cancelled" } });
  await left.promise;
  await expect(it.codemode.execute("…")).rejects.toMatchObject({ code: "CLOSED" });
});

test("an executor that goes on after a protocol error finds its stream cancelled", async () => {
  const ended = Promise.withResolvers<void>();
  await using it = await withClient(async (peer) => {
    peer.say({ $case: "log", value: { level: 2, text: "too early" } });
    await gone(peer);
    ended.resolve();
  });
  await expect(it.codemode.execute("…")).rejects.toThrow(/before Accepted/);
  await ended.promise;
});

test("a hostile executor cannot run more handlers at a time by giving calls up", async () => {
  let alive = 0;
  const registry = registryOf("stubborn", () => new Promise(() => (alive += 1)));
  await using it = await withClient((peer) => {
    peer.accept();
    for (let seq = 1; seq <= 50; seq++) {
      peer.call(seq, "stubborn", {});
      peer.say({ $case: "callCancelled", value: { seq } });
    }
    peer.finish("end");
  }, registry);
  const outcome = await it.codemode.execute("…", { budgets: { maxCallsInFlight: 2 } });
  expect(outcome).toMatchObject({ value: "end", calls: { length: 50 } });
  expect(outcome.calls.filter(({ state }) => state !== "not started")).toHaveLength(alive);
  expect(alive).toBeLessThanOrEqual(2);
});

test("the run's own budgets hold for what an executor sends", async () => {
  await using it = await withClient((peer) => {
    peer.accept();
    for (let n = 0; n < 50; n++) peer.say({ $case: "log", value: { level: 2, text: "0123456789" } });
    peer.finish("x");
  });
  const logged = await it.codemode.execute("…", { budgets: { maxLogLines: 10, maxLogBytes: 45 } });
  expect(logged).toMatchObject({ value: "x", logs: { length: 4 } });
  await expect(it.codemode.execute("…", { budgets: { maxResultBytes: 2 } })).rejects.toMatchObject({
    code: "PROTOCOL",
  });
});

test("a call that is open when the program ends has no known end, and its handler hears of it", async () => {
  let signal: AbortSignal | undefined;
  const registry = registryOf("slow", (_, call) => new Promise(() => ({ signal } = call)));
  await using it = await withClient((peer) => {
    peer.accept();
    peer.call(1, "slow", {});
    peer.finish(1);
  }, registry);
  const started: string[] = [];
  const outcome = await it.codemode.execute("…", { onCall: ({ state }) => started.push(state) });
  expect(outcome.calls).toMatchObject([{ name: "slow", state: signal ? "unknown" : "not started" }]);
  expect(started[0]).toBe("pending");
  if (signal) expect(signal.aborted).toBe(true);
});

test.each([
  [{ budgets: { maxCalls: 1.5 } }, /maxCalls 1.5 is no whole number/],
  [{ budgets: { maxCals: 5 } }, /no budget "maxCals"/],
  [{ tools: "js" }, /arrays of names/],
  [{ signal: 5 }, /no AbortSignal/],
])("execute() refuses %j", async (options, message) => {
  await using codemode = Codemode.fromClientConfig();
  await expect(codemode.execute("1", options as object)).rejects.toThrow(message);
});
