import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, existsSync, mkdtempDisposableSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { text } from "node:stream/consumers";
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type CallInfo,
  type CallRow,
  Codemode,
  ComponentRegistry,
  MemoryStore,
  Outcome,
  type RecordingOptions,
  SqliteStore,
} from "../client/src/index.ts";
import { type Fixture, startInProcess } from "./executor-fixture.ts";
import { held, lose, withScript } from "./scripted-client.ts";
import type { Peer } from "./scripted-executor.ts";

// Same id, same run: joined, waited for, answered from the record, resumed or in doubt.

let executor: Fixture;
beforeAll(async () => void (executor = await startInProcess()));
afterAll(() => executor[Symbol.asyncDispose]());

function temporary() {
  const folder = mkdtempDisposableSync(join(tmpdir(), "codemode-durable-"));
  const effects = join(folder.path, "effects");
  return {
    file: join(folder.path, "journal.db"),
    effects,
    /** The idempotency keys of all handlers that were called, in whatever process. */
    get done() {
      return existsSync(effects) ? readFileSync(effects, "utf8").trim().split("\n") : [];
    },
    [Symbol.dispose]: () => folder.remove(),
  };
}

type Temporary = ReturnType<typeof temporary>;

const CODE = `
  const first = await tools.work({ n: 1 });
  const dice = Math.random();
  await new Promise((resolve) => setTimeout(resolve, 1));
  const rest = await Promise.all([tools.work({ n: 2 }), tools.work({ n: 3 })]);
  console.log("worked");
  return { first, rest, dice, who: context.who };
`;
const SEQS = [1, 3, 4]; // 2 is the timer

/** The app of durable-app.ts. */
function app(at: Temporary, options: Record<string, string> = {}): ChildProcess {
  const { file, effects } = at;
  const settings = { file, effects, url: executor.executor.address, code: CODE, ...options };
  const path = join(import.meta.dirname, "durable-app.ts");
  return spawn(process.execPath, [path, JSON.stringify(settings)], { stdio: ["pipe", "pipe", "inherit"] });
}

async function killed(at: Temporary, options: Record<string, string>): Promise<void> {
  const child = app(at, options);
  await once(child, "close");
  expect(child.signalCode).toBe("SIGKILL");
}

interface Here extends RecordingOptions {
  readonly isEmbedded?: boolean;
  readonly idempotent?: boolean;
  readonly work?: (call: CallInfo) => unknown;
}

/** A client in this process, on the same file and executor. */
function client(at: Temporary, { idempotent = false, isEmbedded = false, work, ...recording }: Here = {}) {
  const registry = new ComponentRegistry();
  const outputSchema = { type: "number" };
  registry.registerTool("work", {
    description: "Works",
    idempotent,
    outputSchema,
    execute: async ({ n }, call) => {
      appendFileSync(at.effects, `${call.idempotencyKey}\n`);
      await work?.(call);
      return (n as number) * 10;
    },
  });
  const store = recording.store ?? new SqliteStore(at.file);
  const codemode = Codemode.fromClientConfig({
    leaseMs: 300,
    ...recording,
    registry,
    store,
    config: {
      executor: isEmbedded ? { mode: "embedded", workers: 1 } : { mode: "remote", url: executor.executor.address },
    },
  });
  return {
    codemode,
    store,
    registry,
    execute: (code = CODE, executionId = "run") => codemode.withContext({ who: "acme" }).execute(code, { executionId }),
    async [Symbol.asyncDispose]() {
      await codemode.close();
      await store[Symbol.asyncDispose]();
    },
  };
}

const RIGHT = { status: "ok", value: { first: 10, rest: [20, 30], who: "acme" }, logs: [{ text: "worked" }] };

test("a live run is joined by its id: one outcome, each handler called once", async () => {
  using at = temporary();
  await using it = client(at);
  const [one, two] = await Promise.all([it.execute(), it.execute()]);
  expect(one).toBe(two);
  expect(one).toMatchObject(RIGHT);
  expect(at.done).toHaveLength(3);
});

/** A run of one call, for which several callers wait. */
async function awaited() {
  const first = held();
  const it = await withScript(
    async (peer) => {
      peer.accept();
      peer.call(1, "first");
      const event = await peer.next();
      if (event?.$case === "cancel") return peer.fail({ code: status.CANCELLED });
      peer.finish("done");
    },
    { first: first.handler },
  );
  const caller = new AbortController();
  const one = it.run({ executionId: "run", signal: caller.signal });
  const signal = await first.started;
  const join = (other?: AbortController) => it.run({ executionId: "run", ...(other && { signal: other.signal }) });
  const dispose = () => it[Symbol.asyncDispose]();
  return { ...first, run: it.run, one, caller, signal, join, [Symbol.asyncDispose]: dispose };
}

test.each([
  ["with a signal of its own", new AbortController()],
  ["without a signal", undefined],
])("the caller that began a run may stop waiting while another waits %s: the run goes on", async (_, other) => {
  await using it = await awaited();
  const two = it.join(other);
  it.caller.abort(new Error("enough"));
  const one = await it.one;
  expect(one).toMatchObject({ error: { type: "Cancelled", message: expect.stringMatching(/which goes on: enough$/) } });
  expect(it.signal.aborted).toBe(false);
  it.resolve(1);
  expect(await two).toMatchObject({ value: "done" });
  expect(await it.join()).toMatchObject({ value: "done" }); // what the first was told is on no record
});

test("when all callers of a run have stopped waiting it is Cancelled, for good", async () => {
  await using it = await awaited();
  const others = [new AbortController(), new AbortController()];
  const joined = others.map(it.join);
  for (const caller of [...others, it.caller]) {
    expect(it.signal.aborted).toBe(false);
    caller.abort(new Error("enough"));
  }
  expect(it.signal.aborted).toBe(true);
  for (const outcome of await Promise.all([it.one, ...joined, it.join()])) {
    expect(outcome).toMatchObject({ error: { type: "Cancelled" } });
  }
});

test("a caller that has joined may stop waiting, and the run goes on", async () => {
  const [first, signals] = [held(), new AbortController()];
  await using it = await withScript(
    async (peer) => {
      peer.accept();
      peer.call(1, "first");
      await peer.answer();
      peer.finish("done");
    },
    { first: first.handler },
  );
  const one = it.run({ executionId: "run" });
  await first.started;
  const two = it.run({ executionId: "run", signal: signals.signal });
  signals.abort(new Error("enough"));
  expect(await two).toMatchObject({ error: { type: "Cancelled" } });
  first.resolve(1);
  expect(await one).toMatchObject({ value: "done" });
});

test("an ended run is answered from the record, with values and evidence of every type", async () => {
  using at = temporary();
  const code = `
    text("shown"); json(new Set([1n]));
    console.warn("careful");
    await tools.work({ n: 1 });
    const cause = new TypeError("why");
    return { map: new Map([[{ a: 1 }, new Date(7)]]), error: new RangeError("no", { cause }), nothing: undefined, big: 2n ** 70n };
  `;
  let first: Outcome;
  {
    await using it = client(at);
    first = await it.execute(code);
  }
  await using it = client(at);
  const again = await it.execute(code);
  expect(again).toBeInstanceOf(Outcome);
  expect(again).toEqual(first);
  expect(again.value).toMatchObject({ map: expect.any(Map), error: expect.any(RangeError), big: 2n ** 70n });
  expect(again.calls[0]?.startedAt).toBeInstanceOf(Date);
  expect(again.toModelText()).toBe(first.toModelText());
  expect(at.done).toEqual(["run:1"]);
});

test("a failure of the program is recorded as well", async () => {
  using at = temporary();
  await using it = client(at);
  const code = "const n = await tools.work({ n: 1 });\nthrow new RangeError('no ' + n)";
  const first = await it.execute(code);
  expect(first).toMatchObject({ status: "failed", error: { type: "RuntimeError", line: 2 } });
  expect(await it.execute(code)).toEqual(first);
  expect(at.done).toEqual(["run:1"]);
});

test("another program, context or set of tools under the same id is refused, live or ended", async () => {
  using at = temporary();
  await using it = client(at);
  const refused = { code: "INVALID_ARGUMENT", message: expect.stringMatching(/"run".*choose a new id/) };
  const live = it.execute();
  await expect(it.execute("return 1")).rejects.toMatchObject(refused);
  await live;
  await expect(it.execute("return 1")).rejects.toMatchObject(refused);
  const { codemode, registry } = it;
  await expect(codemode.withContext({ who: "b" }).execute(CODE, { executionId: "run" })).rejects.toMatchObject(refused);
  registry.registerTool("other", { description: "", execute: () => 1 });
  await expect(it.execute()).rejects.toMatchObject(refused);
  // Who asks, and with what secrets, does not matter.
  const again = codemode.withContext({ who: "acme" }, { secrets: { key: "k" } });
  const options = { executionId: "run", correlationId: "other", tools: ["work"] };
  expect(await again.execute(CODE, options)).toMatchObject(RIGHT);
});

test("a run that a live process holds is waited for", async () => {
  using at = temporary();
  const child = app(at, { waits: "yes", code: "return tools.work({ n: 4 })" });
  await once(child.stdout!, "data"); // its handler runs
  await using it = client(at);
  const stop = new AbortController();
  const given = it.codemode.withContext({ who: "acme" }).execute("return tools.work({ n: 4 })", {
    executionId: "run",
    signal: stop.signal,
  });
  stop.abort();
  expect(await given).toMatchObject({ error: { type: "Cancelled" } }); // of the wait alone
  const waiting = it.execute("return tools.work({ n: 4 })");
  const printed = text(child.stdout!);
  child.stdin!.write("go\n");
  const [outcome, there] = await Promise.all([waiting, printed]);
  expect(outcome).toMatchObject({ status: "ok", value: 40 });
  expect(outcome.toJSON()).toEqual(JSON.parse(there));
  expect(at.done).toEqual(["run:1"]);
});

test.each([
  ["before the first call is recorded", "before put 1 pending", []],
  ["after the first call is recorded, and its handler not called", "after put 1 pending", undefined],
  ["before the first answer is recorded", "before put 1 succeeded", undefined],
  ["after the first answer is recorded, and not sent", "after put 1 succeeded", ["run:1"]],
  ["at the timer", "after put 2 pending", ["run:1"]],
  ["between two calls", "before put 3 pending", ["run:1"]],
  ["while a handler runs", "in 3", undefined],
  ["before the end is recorded", "before finish", ["run:1", "run:3", "run:4"]],
] as const)("an app that is killed %s: the next goes on", async (_, point, done) => {
  using at = temporary();
  await killed(at, { point, idempotent: "yes" });
  const before = at.done;
  if (done) expect(before).toEqual(done);
  await using it = client(at, { idempotent: true });
  const outcome = await it.execute();
  expect(outcome).toMatchObject({ ...RIGHT, attempts: 2 });
  expect(outcome.calls.map(({ seq, state }) => [seq, state])).toEqual(SEQS.map((seq) => [seq, "succeeded"]));
  // What was settled is not repeated; what was pending is, under the same key.
  const again = at.done.slice(before.length);
  if (done) expect(again).toEqual(["run:1", "run:3", "run:4"].filter((key) => !before.includes(key)));
  if (point === "in 3") expect(again.filter((key) => key === "run:3")).toHaveLength(1);
  expect(new Set(at.done)).toEqual(new Set(["run:1", "run:3", "run:4"]));
});

test("a run whose app is killed again and again goes on, and its attempts are counted over all apps", async () => {
  using at = temporary();
  for (const point of ["after put 2 pending", "before put 3 pending", "before finish"]) await killed(at, { point });
  await using it = client(at);
  expect(await it.execute()).toMatchObject({ ...RIGHT, attempts: 4 });
  expect(at.done.toSorted()).toEqual(["run:1", "run:3", "run:4"]);
});

test("a resumed run has the seed and the clock of its beginning", async () => {
  using at = temporary();
  const code = "const seen = [Math.random(), Date.now()]; await tools.work({ n: seen[0] }); return seen";
  await killed(at, { point: "after put 1 succeeded", code });
  await using it = client(at);
  const outcome = await it.execute(code); // another seed, and the call would differ: Diverged
  expect(outcome).toMatchObject({ error: null });
  expect(at.done).toEqual(["run:1"]);
});

async function inDoubt(at: Temporary, it: ReturnType<typeof client>): Promise<void> {
  await killed(at, { point: "in 3" });
  for (const _ of [1, 2]) {
    const outcome = await it.execute();
    expect(outcome).toMatchObject({
      status: "failed",
      error: { type: "InDoubt", seq: 3, tool: "work", hint: expect.stringContaining('settle("run", 3') },
    });
    expect(outcome.calls.slice(0, 2)).toMatchObject([
      { seq: 1, state: "succeeded" },
      { seq: 3, state: "unknown" },
    ]);
    expect(at.done).toEqual(["run:1", "run:3"]);
  }
}

/** Call 4 may or may not have been on record when call 3 killed the app: its row says that its handler is called. */
async function settleFourth(it: ReturnType<typeof client>): Promise<void> {
  const { calls = [] } = (await it.store.load("run")) ?? {};
  if (calls.some(({ seq, state, handled }) => seq === 4 && state === "pending" && handled)) {
    await it.codemode.settle("run", 4, "retry");
  }
}

test("a call that must not be repeated is in doubt; settled with a value, the run goes on with it", async () => {
  using at = temporary();
  await using it = client(at);
  await inDoubt(at, it);
  const wrong = it.codemode.settle("run", 3, { value: "no number" });
  await expect(wrong).rejects.toMatchObject({ code: "INVALID_ARGUMENT", message: expect.stringContaining('"work"') });
  await it.codemode.settle("run", 3, { value: 77 });
  await settleFourth(it);
  expect(await it.execute()).toMatchObject({ status: "ok", value: { first: 10, rest: [77, 30] } });
  expect(at.done).toEqual(["run:1", "run:3", "run:4"]);
  await expect(it.codemode.settle("run", 3, "retry")).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
});

test("a value that is larger than an answer may be is refused, and one that just fits is the answer", async () => {
  using at = temporary();
  const code = "return (await tools.work({ n: 1 })).length";
  await killed(at, { point: "in 1", code });
  await using it = client(at);
  expect(await it.execute(code)).toMatchObject({ error: { type: "InDoubt" } });
  await using other = Codemode.fromClientConfig({ store: it.store }); // it knows nothing of what `work` returns
  const length = 1_048_576 - '""'.length;
  const failure = await other.settle("run", 1, { value: "x".repeat(length + 1) }).catch((error) => error);
  expect(failure).toMatchObject({ code: "INVALID_ARGUMENT" });
  expect(failure.message).toContain('"work" cannot have returned this: The value is larger than 1048576 bytes');
  await other.settle("run", 1, { value: "x".repeat(length) });
  expect(await it.execute(code)).toMatchObject({ status: "ok", value: length });
});

test("a call in doubt that is settled with an error fails in the program", async () => {
  using at = temporary();
  await using it = client(at);
  await inDoubt(at, it);
  await it.codemode.settle("run", 3, { error: { name: "CardError", message: "declined", code: "E_CARD" } });
  await settleFourth(it);
  expect(await it.execute()).toMatchObject({ error: { type: "ToolError", seq: 3, code: "E_CARD" } });
  expect(at.done.filter((key) => key === "run:3")).toHaveLength(1);
});

test("a call in doubt that is to be retried is called again", async () => {
  using at = temporary();
  await using it = client(at);
  await inDoubt(at, it);
  await it.codemode.settle("run", 3, "retry");
  await settleFourth(it);
  expect(await it.execute()).toMatchObject(RIGHT);
  expect(at.done.filter((key) => key === "run:3")).toHaveLength(2);
});

test.each([
  ["in memory", () => new MemoryStore()],
  ["in a file", (at: Temporary) => new SqliteStore(at.file)],
])("calls in doubt may be settled all at once, with a run that is recorded %s", async (_, open) => {
  using at = temporary();
  await using store = open(at);
  const begun = Promise.withResolvers<void>();
  let isLost = true;
  await using it = await withScript(
    async (peer) => {
      const journal = await peer.journal();
      peer.accept();
      if (!isLost) return peer.finish(journal.map(({ settleOrder }) => settleOrder).toSorted((a, b) => a - b));
      for (const seq of [1, 2, 3]) peer.call(seq, "pay");
      await begun.promise;
      lose(peer);
    },
    { pay: () => (it.calls.length === 3 && begun.resolve(), new Promise(() => {})) },
    { retry: { enabled: false } },
    { store },
  );
  expect(await it.run({ executionId: "run" })).toMatchObject({ error: { type: "Crashed" } });
  expect(await it.run({ executionId: "run" })).toMatchObject({ error: { type: "InDoubt" } });
  const { codemode } = it;
  await Promise.all([
    codemode.settle("run", 1, { value: "paid" }),
    codemode.settle("run", 2, { error: new Error("no") }),
    codemode.settle("run", 3, { value: "paid" }),
  ]);
  isLost = false;
  expect(await it.run({ executionId: "run" })).toMatchObject({ value: [1, 2, 3] });
});

test("settle() says what is wrong: no such run, no such call, a timer, no settlement, a live run", async () => {
  using at = temporary();
  await using it = client(at);
  await killed(at, { point: "after put 2 pending" });
  const { codemode } = it;
  await expect(codemode.settle("none", 1, "retry")).rejects.toMatchObject({ code: "NOT_FOUND" });
  await expect(codemode.settle("run", 9, "retry")).rejects.toMatchObject({ code: "NOT_FOUND" });
  await expect(codemode.settle("run", 1, "retry")).rejects.toThrow("it has settled (succeeded)");
  await expect(codemode.settle("run", 2, "retry")).rejects.toThrow("it is a timer");
  await using live = client(at, { work: () => expect(codemode.settle("live", 1, {} as never)).rejects.toThrow("say") });
  expect(await live.execute("return tools.work({ n: 1 })", "live")).toMatchObject({ value: 10 });
  let busy: unknown;
  await using other = client(at, {
    work: async () => (busy = await codemode.settle("other", 1, "retry").catch((e) => e)),
  });
  await other.execute("return tools.work({ n: 1 })", "other");
  expect(busy).toMatchObject({ code: "BUSY" });
});

/** A store that tells what it is asked to record, late. */
class Watched extends MemoryStore {
  readonly seen: string[] = [];
  fail: ((call: CallRow) => boolean) | undefined;

  override async put(executionId: string, fence: number, call: CallRow): Promise<void> {
    await new Promise(setImmediate);
    if (this.fail?.(call)) throw new Error("the disk is full");
    this.seen.push(`${call.seq} ${call.state}${call.handled ? " handled" : ""}`);
    await super.put(executionId, fence, call);
  }
}

test("a call is recorded before its handler is called, its answer before anybody hears of it, in the order of settling", async () => {
  const store = new Watched();
  const { seen } = store;
  const [a, b] = [held(), held()];
  await using it = await withScript(
    async (peer) => {
      peer.accept();
      peer.call(1, "a");
      peer.call(2, "b");
      peer.timer(3, 0);
      for (let n = 0; n < 3; n++) seen.push(`answer ${(await peer.answer()).seq}`);
      peer.finish("x");
    },
    {
      a: (input, call) => (seen.push("handler a"), a.handler(input, call)),
      b: (input, call) => (seen.push("handler b"), b.handler(input, call)),
    },
    {},
    { store },
  );
  const running = it.run({ onCall: ({ seq, state }) => seen.push(`told ${seq} ${state}`) });
  await Promise.all([a.started, b.started]);
  b.resolve(2);
  a.resolve(1);
  expect(await running).toMatchObject({ value: "x" });
  const before = (one: string, other: string) => {
    expect(seen).toContain(one);
    expect(seen.indexOf(one)).toBeLessThan(seen.indexOf(other));
  };
  before("1 pending handled", "handler a");
  before("2 pending handled", "handler b");
  before("3 pending", "3 succeeded");
  for (const seq of [1, 2]) {
    before(`${seq} succeeded handled`, `told ${seq} succeeded`);
    before(`${seq} succeeded handled`, `answer ${seq}`);
  }
  before("2 succeeded handled", "1 succeeded handled");
  before("answer 2", "answer 1");
});

test.each([
  ["pending", []],
  ["succeeded", ["pay"]],
])(
  "when a call that is %s cannot be recorded the run ends, and nothing of it is done or sent",
  async (state, called) => {
    const store = new Watched();
    store.fail = (call) => call.state === state;
    const received: unknown[] = [];
    await using it = await withScript(
      async (peer) => {
        peer.accept();
        peer.call(1, "pay");
        received.push((await peer.next())?.$case);
        peer.stream.end();
      },
      { pay: () => "paid" },
      {},
      { store },
    );
    const failure = await it.run({ executionId: "run" }).catch((error) => error);
    expect(failure).toMatchObject({ name: "CodemodeError", code: "INTERNAL" });
    expect(failure.message).toBe(
      `Run "run" has been stopped: call 1 ("pay", ${state}) cannot be recorded: the disk is full; execute the same again to resume it`,
    );
    expect(it.calls).toEqual(called);
    await it.codemode.close();
    expect(received).not.toContain("callResult");
  },
);

test("when a lease is taken over the old owner stops at once: its handlers, its program, its records", async () => {
  using at = temporary();
  const started = Promise.withResolvers<AbortSignal>();
  await using old = client(at, {
    idempotent: true,
    work: ({ signal }) => {
      started.resolve(signal);
      return once(signal, "abort");
    },
  });
  const running = old.execute().catch((error) => error);
  const signal = await started.promise;
  {
    using database = new DatabaseSync(at.file);
    database.exec("UPDATE runs SET owner = 'stopped', leased_until = 0"); // as after a long stall
  }
  await using next = client(at, { idempotent: true });
  expect(await next.execute()).toMatchObject(RIGHT);
  const failure = await running;
  expect(failure).toMatchObject({ name: "FencedError", code: "CLOSED" });
  expect(failure.message).toMatch(/^Another process has taken over run "run"/);
  expect(signal.aborted).toBe(true);
  expect(at.done).toEqual(["run:1", "run:1", "run:3", "run:4"]);
});

test("a run that its client has closed on is Cancelled for the caller, and can be resumed", async () => {
  using at = temporary();
  {
    const started = Promise.withResolvers<void>();
    const second = ({ seq }: CallInfo) => (seq > 1 ? (started.resolve(), new Promise(() => {})) : undefined);
    await using it = client(at, { idempotent: true, work: second });
    const running = it.execute();
    await started.promise;
    await it.codemode.close();
    expect(await running).toMatchObject({ error: { type: "Cancelled" } });
  }
  await using it = client(at, { idempotent: true });
  expect(await it.execute()).toMatchObject(RIGHT);
  expect(at.done.filter((key) => key === "run:1")).toHaveLength(1);
});

test("a run that the caller's signal ended stays Cancelled", async () => {
  using at = temporary();
  const caller = new AbortController();
  await using it = client(at, { work: () => caller.abort(new Error("enough")) });
  const options = { executionId: "run", signal: caller.signal };
  expect(await it.codemode.execute(CODE, options)).toMatchObject({ error: { type: "Cancelled" } });
  expect(await it.codemode.execute(CODE, { executionId: "run" })).toMatchObject({ error: { type: "Cancelled" } });
  expect(at.done).toEqual(["run:1"]);
});

test("a run that executors did not bring to its end is Crashed, and can be resumed", async () => {
  let isBroken = true;
  await using it = await withScript(
    async (peer) => {
      const journal = await peer.journal();
      peer.accept();
      if (journal.length === 0) {
        peer.call(1, "pay");
        await peer.answer();
      }
      if (isBroken) return lose(peer);
      peer.finish([peer.start.attempt, journal.length]);
    },
    { pay: () => "paid" },
    { retry: { enabled: false } },
  );
  expect(await it.run({ executionId: "run" })).toMatchObject({ error: { type: "Crashed" } });
  isBroken = false;
  expect(await it.run({ executionId: "run" })).toMatchObject({ value: [expect.any(Number), 1] });
  expect(it.calls).toEqual(["pay"]);
});

test("handlers of a resumed run get the context of whoever resumes it", async () => {
  using at = temporary();
  await killed(at, { point: "before put 3 pending" });
  const keys: unknown[] = [];
  await using it = client(at, { work: ({ context }) => keys.push(context.get("key")) });
  const codemode = it.codemode.withContext({ who: "acme" }, { secrets: { key: "new" } });
  expect(await codemode.execute(CODE, { executionId: "run" })).toMatchObject(RIGHT);
  expect(keys).toEqual(["new", "new"]);
});

test("a client closes the store that it made, and leaves the one that it was given", async () => {
  using at = temporary();
  const it = client(at);
  const own = Codemode.fromClientConfig({ config: { executor: { mode: "remote", url: "127.0.0.1:1" } } });
  await Promise.all([it.codemode.close(), own.close()]);
  expect(await it.store.load("run")).toBeUndefined();
  await expect(own.journal("run")).rejects.toMatchObject({ code: "CLOSED" });
  await it[Symbol.asyncDispose]();
});

test("a lease that is too short or too long to be meant is refused", () => {
  for (const leaseMs of [0, 99, Number.NaN, 86_400_000]) {
    expect(() => Codemode.fromClientConfig({ leaseMs })).toThrow(`leaseMs ${leaseMs} is not from 100 to 3600000`);
  }
});

test("a timer whose app has died is due when it would have been", async () => {
  const store = new MemoryStore();
  let isLost = true;
  const script = async (peer: Peer) => {
    peer.accept();
    peer.timer(1, 400);
    if (isLost) return lose(peer);
    peer.finish(Number((await peer.answer()).settledAt));
  };
  await using it = await withScript(script, {}, { retry: { enabled: false } }, { store });
  expect(await it.run({ executionId: "run" })).toMatchObject({ error: { type: "Crashed" } });
  const [timer] = (await store.load("run"))?.calls ?? [];
  isLost = false;
  const { value } = await it.run({ executionId: "run" });
  expect(Number(value) - Number(timer?.startedAt)).toBeGreaterThanOrEqual(399);
  expect(Number(value) - Number(timer?.startedAt)).toBeLessThan(10_000);
});

test("a long journal is restored as it was: cancelled and failed calls, answers in the order of settling", async () => {
  const [slow, given] = [held(), held()];
  let journal: unknown;
  let isLost = true;
  await using it = await withScript(
    async (peer) => {
      if (!isLost) {
        expect(await peer.journal()).toEqual(journal);
        peer.accept();
        return peer.finish("same");
      }
      peer.accept();
      peer.call(1, "slow");
      peer.call(2, "bad");
      await peer.answer();
      peer.call(3, "given");
      await given.started;
      peer.say({ $case: "callCancelled", value: { seq: 3 } });
      slow.resolve(new Map([[1, 2n]]));
      await peer.answer();
      journal = await peer.wantJournal();
      lose(peer);
    },
    {
      slow: slow.handler,
      given: given.handler,
      bad: () => {
        throw Object.assign(new RangeError("no"), { code: "E_NO" });
      },
    },
    { retry: { enabled: false } },
  );
  expect(await it.run({ executionId: "run" })).toMatchObject({ error: { type: "Crashed" } });
  isLost = false;
  const outcome = await it.run({ executionId: "run" });
  expect(outcome).toMatchObject({ value: "same" });
  expect(outcome.calls).toMatchObject([{ state: "succeeded" }, { state: "failed" }, { state: "unknown" }]);
  expect(it.calls).toEqual(["slow", "bad", "given"]);
});

test("an app dies with its embedded executor, and the next goes on with one of its own", async () => {
  using at = temporary();
  await killed(at, { point: "before put 3 pending", url: "" });
  await using it = client(at, { isEmbedded: true });
  expect(await it.execute()).toMatchObject(RIGHT);
  expect(at.done).toEqual(["run:1", "run:3", "run:4"]);
});

test("an answer that is being recorded when its run is cut off is kept for whoever resumes it", async () => {
  const [pay, other, recording] = [held(), held(), Promise.withResolvers<void>()];
  class Slow extends MemoryStore {
    override async put(executionId: string, fence: number, call: CallRow): Promise<void> {
      if (call.state === "succeeded") {
        recording.resolve();
        const signal = await other.started;
        if (!signal.aborted) await once(signal, "abort"); // the run has been given up
        await new Promise(setImmediate);
      }
      await super.put(executionId, fence, call);
    }
  }
  const store = new Slow();
  await using it = await withScript(
    async (peer) => {
      peer.accept();
      peer.call(1, "pay");
      peer.call(2, "other");
      await recording.promise;
      lose(peer);
    },
    { pay: pay.handler, other: other.handler },
    { retry: { enabled: false } },
    { store },
  );
  const running = it.run({ executionId: "run" });
  await Promise.all([pay.started, other.started]);
  pay.resolve("paid");
  expect(await running).toMatchObject({ error: { type: "Crashed" } });
  const stored = await store.load("run");
  expect(stored).toMatchObject({ state: { kind: "free" }, calls: [{ state: "succeeded" }, { state: "pending" }] });
});
