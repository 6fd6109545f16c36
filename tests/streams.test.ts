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

test.each([
  ["quickly", ""],
  ["slowly", "await new Promise((done) => setTimeout(done, 50));"],
])(
  "each item passes the output schema, and a program that reads %s has all before the one that does not",
  async (_, wait) => {
    const code = `const all = [];
    try { for await (const n of tools.checked({ items: [1, 2, 3, 4, 'five', 6] })) { all.push(n); ${wait} } }
    catch (error) { all.push(error.message) }
    return all`;
    const { calls, value } = await codemode.execute(code);
    expect(value).toEqual([1, 2, 3, 4, "item: expected number, received string"]);
    expect(calls).toMatchObject([{ name: "checked", state: "failed" }]);
  },
);

test("schemas of items are asked where the handler runs", async () => {
  const own = new ComponentRegistry();
  const seen: unknown[] = [];
  const outputSchema = z.number().refine(() => seen.push(own.getContext()?.get("user")) > 0);
  const execute = async function* () {
    seen.push(own.getContext()?.get("user"));
    yield 1;
  };
  own.registerTool("one", { description: "", outputSchema, execute });
  await codemode.withRegistry(own).withContext({ user: "me" }).execute("for await (const n of tools.one()) {}");
  expect(seen).toEqual(["me", "me"]);
});

test("a program that leaves does not meet the failure that it had not come to", async () => {
  const code = `for await (const n of agents.counter.run({ to: 2, fail: true })) {
      await new Promise((done) => setTimeout(done, 100)); break }
    return "left"`;
  expect(await valueOf(code)).toBe("left");
});

test("a program leaves at once, though it waits for an item", async () => {
  const code = `const s = await tools.stuck(); await s.next();
    const pending = s.next(); await s.return(); return (await pending).done`;
  expect(await valueOf(code)).toBe(true);
  await expect.poll(() => told).toEqual(["aborted"]);
});

/** What is iterable by hand, and says when it is told to stop. */
function source(next: () => Promise<IteratorResult<number>>): AsyncIterable<number> {
  return {
    [Symbol.asyncIterator]: () => ({
      next,
      return: async () => {
        told.push("return");
        return { done: true, value: 0 };
      },
    }),
  };
}

test("a source that has ended is told nothing any more", async () => {
  const own = new ComponentRegistry();
  let signal: AbortSignal | undefined;
  let left = 3;
  own.registerTool("one", {
    description: "",
    execute: (_, call) => {
      ({ signal } = call);
      return source(async () => ({ done: left-- === 0, value: left }));
    },
  });
  const client = codemode.withRegistry(own);
  const { value } = await client.execute("let n = 0; for await (const _ of tools.one()) n++; return n");
  expect(value).toBe(3);
  expect([told, signal?.aborted]).toEqual([[], false]);
});

test("a stream that comes when the time of its tool is over is stopped", async () => {
  const own = new ComponentRegistry();
  own.registerTool("late", {
    description: "",
    execute: async (_, { signal }) => {
      await sleep(10_000, undefined, { signal }).catch(() => {});
      return source(() => new Promise(() => {}));
    },
  });
  const { error } = await codemode.withRegistry(own).execute("await tools.late()", { budgets: { toolTimeoutMs: 100 } });
  expect(error?.code).toBe("TIMEOUT");
  await expect.poll(() => told).toEqual(["return"]);
});

test("what is read ahead is bounded, in items and in bytes, and so are streams that are open", async () => {
  const own = new ComponentRegistry();
  let yielded = 0;
  own.registerTool("items", {
    description: "",
    execute: async function* ({ bytes }: { bytes: number }) {
      for (;;) {
        yielded++;
        yield "x".repeat(bytes);
      }
    },
  });
  const client = codemode.withRegistry(own);
  const ahead = async (bytes: number) => {
    yielded = 0;
    const wait = "await new Promise((done) => setTimeout(done, 300))";
    await client.execute(`const s = await tools.items({ bytes: ${bytes} }); await s.next(); ${wait}`);
    return yielded;
  };
  expect(await ahead(1)).toBeLessThanOrEqual(2 * 64 + 1); // what was taken, and as much again
  expect(await ahead(100_000)).toBeLessThanOrEqual(2 * 3 + 1);
  const { value } = await client.execute(
    `const open = []; try { for (;;) open.push(await tools.items({ bytes: 1 })) } catch ({ code }) { return [open.length, code] }`,
  );
  expect(value).toEqual([64, "TOO_MANY_STREAMS"]);
});

test("a long stream of items that come one by one is not a call for each", async () => {
  const own = new ComponentRegistry();
  own.registerTool("slow", {
    description: "",
    execute: async function* () {
      for (let n = 0; n < 1_500; n++) {
        yield n;
        await sleep(1);
      }
    },
  });
  const client = codemode.withRegistry(own);
  const outcome = await client.execute("let n = 0; for await (const _ of tools.slow()) n++; return n");
  expect(outcome.unwrap()).toBe(1_500);
  expect(outcome.usage.calls).toBeLessThan(400);
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

/** A run that its app leaves in the middle of a stream, and an app that goes on with it. */
async function cutOff(idempotent: boolean, code: string) {
  const store = new MemoryStore();
  const begin = () => {
    const own = new ComponentRegistry();
    const marked = Promise.withResolvers<void>();
    const execute = async function* () {
      told.push("begun");
      yield 1;
      await new Promise(() => {});
    };
    own.registerTool("slow", { description: "", idempotent, execute });
    own.registerTool("mark", { description: "", idempotent: true, execute: () => marked.resolve() });
    return { marked: marked.promise, client: Codemode.fromClientConfig({ registry: own, store }) };
  };
  const before = begin();
  const left = before.client.execute(code, { executionId: "resumed" });
  await before.marked;
  await before.client.close();
  expect((await left).error?.type).toBe("Cancelled");
  const { client } = begin();
  const execute = () => client.execute(code, { executionId: "resumed" });
  return { client, execute, [Symbol.asyncDispose]: () => client.close() };
}

const reading = `const all = [];
  try { for await (const n of tools.slow()) { all.push(n); await tools.mark() } } catch (error) { all.push(error.code) }
  return all`;

test("an app that resumes a run has lost its streams, and says so to the program where that may call again", async () => {
  await using run = await cutOff(true, reading);
  expect((await run.execute()).unwrap()).toEqual([1, "STREAM_LOST"]);
});

test.each([
  ["wants more of it", reading],
  ["was waiting for more", reading.replace("await tools.mark()", "void tools.mark()")],
])(
  "a stream that must not begin again is in doubt when its program %s, until somebody tells what is left",
  async (_, code) => {
    await using run = await cutOff(false, code);
    const { error } = await run.execute();
    expect(error).toMatchObject({ type: "InDoubt", hint: expect.stringContaining("what is left of the stream") });
    const seq = error?.seq ?? 0;
    await expect(run.client.settle("resumed", seq, "retry")).rejects.toThrow(/a stream, whose handler has begun/);
    await expect(run.client.settle("resumed", seq, { value: 2 })).rejects.toThrow(/a list of its items/);
    await run.client.settle("resumed", seq, { value: [2, 3] });
    expect((await run.execute()).unwrap()).toEqual([1, 2, 3]);
    expect(told).toEqual(["begun"]);
  },
);

test("a program that only leaves its stream is in no doubt", async () => {
  await using run = await cutOff(
    false,
    "for await (const n of tools.slow()) { await tools.mark(); break } return 'left'",
  );
  expect((await run.execute()).unwrap()).toBe("left");
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
