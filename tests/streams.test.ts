import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { type CallInfo, Codemode, ComponentRegistry, MemoryStore } from "../client/src/index.ts";
import { startScripted } from "./scripted-executor.ts";
import { workersBelow } from "./processes.ts";

// A handler that yields: `for await` in the program, a call for each time that it asks.

const registry = new ComponentRegistry();
const codemode = Codemode.fromClientConfig({ registry });
afterAll(() => codemode.close());

let told: string[];
beforeEach(() => {
  told = [];
});

async function* numbers({ to, fail }: { to: number; fail?: boolean }, { signal }: CallInfo): AsyncGenerator<number> {
  try {
    for (let n = 1; n <= to; n++) {
      signal.throwIfAborted();
      yield n;
      await setImmediate();
    }
    if (fail) throw Object.assign(new RangeError("no more"), { code: "E_OUT" });
    told.push("whole");
  } finally {
    told.push("left");
  }
}

registry.registerAgent("counter", { description: "Counts", run: numbers });
registry.registerTool("endless", {
  description: "Counts on",
  execute: (_: unknown, call: CallInfo) => numbers({ to: Infinity }, call),
});
registry.registerTool("checked", {
  description: "Yields what it is given",
  outputSchema: z.number(),
  execute: async function* (input: { items: unknown[] }) {
    yield* input.items as number[];
  },
});
registry.registerTool("list", { description: "A list", execute: () => [1, 2] });
registry.registerTool("stuck", {
  description: "Yields once",
  execute: async function* (_: unknown, { signal }: CallInfo) {
    yield 1;
    await sleep(60_000, undefined, { signal }).catch(() => told.push("aborted"));
  },
});

async function valueOf(code: string, options = {}): Promise<unknown> {
  return (await codemode.execute(code, options)).unwrap();
}

test.each([
  ["awaited", "for await (const n of await agents.counter.run({ to: 200 })) all.push(n)"],
  ["not awaited", "for await (const n of agents.counter.run({ to: 200 })) all.push(n)"],
  [
    "asked for by hand, all at once",
    `const s = await agents.counter.run({ to: 200 });
     for (const { value } of await Promise.all(Array.from({ length: 200 }, () => s.next()))) all.push(value)`,
  ],
])("a stream that is %s gives every item once, in order, in few calls", async (_, loop) => {
  const outcome = await codemode.execute(`const all = []; ${loop}; return all`);
  expect(outcome.unwrap()).toEqual(Array.from({ length: 200 }, (_, index) => index + 1));
  expect(told).toEqual(["whole", "left"]);
  expect(outcome.calls).toMatchObject([{ seq: 1, kind: "agent", name: "counter", state: "succeeded" }]);
  expect(outcome.usage.calls).toBeLessThan(150);
});

test("`for await` goes through a list as the language has it", async () => {
  expect(await valueOf("const all = []; for await (const n of tools.list()) all.push(n); return all")).toEqual([1, 2]);
  const { error } = await codemode.execute("for await (const n of tools.list().then(() => 1)) {}");
  expect(error?.type).toBe("RuntimeError");
});

test.each([
  ["leaves the loop", "for await (const n of tools.endless()) if (n === 3) break; return 'left'"],
  ["ends with the stream open", "const s = await tools.endless(); await s.next(); return 'left'"],
])("the handler of a program that %s is told to stop", async (_, code) => {
  expect(await valueOf(code)).toBe("left");
  await expect.poll(() => told).toEqual(["left"]);
});

test("what was yielded before a failure comes first, and the failure can be caught", async () => {
  const code = `const all = [];
    try { for await (const n of agents.counter.run({ to: 2, fail: true })) all.push(n) }
    catch (error) { all.push(error.name, error.code, error.message) }
    return all`;
  expect(await valueOf(code)).toEqual([1, 2, "RangeError", "E_OUT", "no more"]);
});

test("each item passes the output schema", async () => {
  const code = `const all = [];
    try { for await (const n of tools.checked({ items: [1, 'two'] })) all.push(n) } catch (error) { all.push(error.message) }
    return all`;
  expect(await valueOf(code)).toEqual([1, "item: expected number, received string"]);
});

test("an item that is over the budget of an answer fails; many that are so together come one after the other", async () => {
  const items = Array.from({ length: 40 }, () => "x".repeat(100_000));
  registry.registerTool("items", {
    description: "",
    execute: async function* () {
      yield* items;
    },
  });
  registry.registerTool("item", {
    description: "",
    execute: async function* () {
      yield "x".repeat(1_100_000);
    },
  });
  expect(await valueOf("let sum = 0; for await (const { length } of tools.items()) sum += length; return sum")).toBe(
    4_000_000,
  );
  const { error } = await codemode.execute("for await (const n of tools.item()) {}");
  expect(error).toMatchObject({ type: "ToolOutputError", message: expect.stringContaining("item: ") });
});

test("a stream is no value", async () => {
  const { error } = await codemode.execute("return await tools.endless()");
  expect(error).toMatchObject({ type: "Unserializable", hint: expect.stringContaining("for await") });
});

test("a handler that yields no more is given up after the time of a tool", async () => {
  const { error } = await codemode.execute("for await (const n of tools.stuck()) {}", {
    budgets: { toolTimeoutMs: 200 },
  });
  expect(error).toMatchObject({ type: "ToolError", code: "TIMEOUT" });
  await expect.poll(() => told).toEqual(["aborted"]);
});

test("a cancelled run stops its streams", async () => {
  const abort = new AbortController();
  const running = codemode.execute("for await (const n of tools.stuck()) console.log(n)", {
    signal: abort.signal,
    onLog: () => abort.abort(),
  });
  expect((await running).error?.type).toBe("Cancelled");
  await expect.poll(() => told).toEqual(["aborted"]);
});

test("a worker that dies in mid-stream loses and repeats nothing", async () => {
  const own = new ComponentRegistry();
  own.registerTool("count", {
    description: "",
    execute: async function* () {
      for (let n = 1; n <= 300; n++) {
        if (n === 100 || n === 200) for (const { pid } of workersBelow(process.pid)) process.kill(pid, "SIGKILL");
        yield n;
        await setImmediate();
      }
      told.push("whole");
    },
  });
  await using client = Codemode.fromClientConfig({ registry: own });
  const outcome = await client.execute("const all = []; for await (const n of tools.count()) all.push(n); return all");
  expect(outcome.unwrap()).toEqual(Array.from({ length: 300 }, (_, index) => index + 1));
  expect(told).toEqual(["whole"]);
});

test("a recorded stream is replayed without its handler", async () => {
  const { executionId } = await codemode.execute(
    "const all = []; for await (const n of agents.counter.run({ to: 5 })) all.push(n); return all",
  );
  const document = JSON.parse(JSON.stringify(await codemode.journal(executionId)));
  told = [];
  expect((await codemode.replay(document)).unwrap()).toEqual([1, 2, 3, 4, 5]);
  expect(told).toEqual([]);
});

test("an app that resumes a run has lost its streams, and says so to the program", async () => {
  await using store = new MemoryStore();
  const once = async function* () {
    yield 1;
    await new Promise(() => {});
  };
  const code = `const all = [];
    try { for await (const n of tools.slow()) { all.push(n); await tools.mark() } } catch (error) { all.push(error.code) }
    return all`;
  const begin = () => {
    const first = new ComponentRegistry();
    const marked = Promise.withResolvers<void>();
    first.registerTool("slow", { description: "", execute: once });
    first.registerTool("mark", { description: "", idempotent: true, execute: () => marked.resolve() });
    return { marked: marked.promise, client: Codemode.fromClientConfig({ registry: first, store }) };
  };
  const before = begin();
  const left = before.client.execute(code, { executionId: "resumed" });
  await before.marked;
  await before.client.close();
  expect((await left).error?.type).toBe("Cancelled");
  await using after = begin().client;
  expect((await after.execute(code, { executionId: "resumed" })).unwrap()).toEqual([1, "STREAM_LOST"]);
});

test.each([
  ["of a call that returned none", 1, "list", { of: 1 }],
  ["of a call that was never made", 0, "list", { of: 7 }],
  ["under another name", 1, "endless", { of: 1 }],
  ["in words that nobody knows", 1, "list", { of: "1" }],
])("an executor that asks for items %s does not keep to the protocol", async (_, calls, name, asked) => {
  await using executor = await startScripted(async (peer) => {
    peer.accept();
    for (let seq = 1; seq <= calls; seq++) {
      peer.call(seq, "list");
      await peer.answer();
    }
    peer.call(calls + 1, name, asked, 4);
    await peer.next();
  });
  await using client = Codemode.fromClientConfig({
    registry,
    config: { executor: { mode: "remote", url: executor.url } },
  });
  await expect(client.execute("…")).rejects.toThrow(/asked for items of what is no stream/);
});
