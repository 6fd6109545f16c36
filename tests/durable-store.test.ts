import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempDisposableSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import {
  type CallRow,
  CodemodeError,
  type JournalStore,
  MemoryStore,
  type RecordingOptions,
  SqliteStore,
} from "../client/src/index.ts";
import { held, lose, withScript } from "./scripted-client.ts";
import type { Peer } from "./scripted-executor.ts";

// Runs whose store is busy for a while, does not answer, or is another process's by now.

const LONG_MS = 600_000;
const LOCK = `
  const { DatabaseSync } = process.getBuiltinModule("node:sqlite");
  const database = new DatabaseSync(process.argv[1]);
  database.exec("BEGIN IMMEDIATE");
  console.log("locked");
  process.stdin.once("data", () => (database.exec("ROLLBACK"), process.stdin.destroy()));`;

/** Another process that keeps `file` locked until it is told to let go. */
async function lock(file: string) {
  const child = spawn(process.execPath, ["-e", LOCK, file], { stdio: ["pipe", "pipe", "ignore"] });
  await once(child.stdout, "data");
  const exited = once(child, "exit");
  return async () => (child.stdin.end("go"), void (await exited));
}

/** Calls `pay` once, and ends with what its answer is. */
async function pays(peer: Peer): Promise<void> {
  peer.accept();
  peer.call(1, "pay");
  const event = await peer.next();
  if (event?.$case === "callResult") peer.finish(event.value.result?.$case);
  else peer.fail({ code: status.CANCELLED });
}

test("an answer that comes while another process keeps the file locked is recorded when it no longer does", async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), "codemode-locked-"));
  const file = join(folder.path, "journal.db");
  const [pay, refused] = [held(), Promise.withResolvers<unknown>()];
  class Watched extends SqliteStore {
    override put(executionId: string, fence: number, call: CallRow): Promise<void> {
      return super.put(executionId, fence, call).catch((error: unknown) => {
        refused.resolve(error);
        throw error;
      });
    }
  }
  await using store = new Watched(file);
  await using it = await withScript(pays, { pay: pay.handler }, {}, { store });
  const running = it.run({ executionId: "run" });
  await pay.started;
  const unlock = await lock(file);
  pay.resolve("paid");
  expect(await refused.promise).toMatchObject({ code: "BUSY", message: expect.stringContaining("keeps it locked") });
  await unlock();
  expect(await running).toMatchObject({ value: "value", calls: [{ name: "pay", state: "succeeded" }] });
  expect(await store.load("run")).toMatchObject({ calls: [{ state: "succeeded" }], state: { kind: "finished" } });
  expect(it.calls).toEqual(["pay"]);
});

/** A store that is busy `times` times at each of its steps. */
function busy(times: number): JournalStore {
  const left = new Map<string, number>();
  return wrapped((name) => {
    const n = left.get(name) ?? times;
    left.set(name, n - 1);
    if (n > 0) throw new CodemodeError("BUSY", "somebody has it");
  });
}

const STEPS = ["claim", "countAttempts", "put", "finish", "release"] as const;
type Step = (typeof STEPS)[number];

/** A MemoryStore that does its steps after `before` has let them. */
function wrapped(before: (step: Step) => unknown): MemoryStore {
  const store = new MemoryStore();
  for (const step of STEPS) {
    const own = store[step].bind(store) as (...args: unknown[]) => Promise<unknown>;
    Object.assign(store, { [step]: async (...args: unknown[]) => (await before(step), own(...args)) });
  }
  return store;
}

test("a store that is busy now and then ends no run, at whatever step", async () => {
  const store = busy(2);
  await using it = await withScript(pays, { pay: () => "paid" }, {}, { store });
  expect(await it.run({ executionId: "run" })).toMatchObject({ value: "value" });
  expect(await it.run({ executionId: "run" })).toMatchObject({ value: "value" });
  expect([it.calls, it.executor.streams]).toEqual([["pay"], 1]);
});

test("a run that another has taken over while its store was busy is the other's", async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), "codemode-taken-"));
  const file = join(folder.path, "journal.db");
  class Taken extends SqliteStore {
    isTaken = false;
    override async put(executionId: string, fence: number, call: CallRow): Promise<void> {
      if (call.state === "pending" || this.isTaken) return super.put(executionId, fence, call);
      this.isTaken = true;
      using database = new DatabaseSync(file);
      database.exec("UPDATE runs SET owner = 'other', fence = fence + 1");
      throw new CodemodeError("BUSY", "somebody has it");
    }
  }
  await using store = new Taken(file);
  await using it = await withScript(pays, { pay: () => "paid" }, {}, { store });
  const failure = await it.run({ executionId: "run" }).catch((error) => error);
  expect(failure).toMatchObject({ name: "FencedError", message: expect.stringContaining("taken over run") });
  expect(await store.load("run")).toMatchObject({ calls: [{ state: "pending" }], state: { owner: "other" } });
});

/** A store that never answers at `hung`, and a run on it that gets there. */
async function hanging(hung: Step, recording: RecordingOptions) {
  const [reached, pay] = [Promise.withResolvers<void>(), held()];
  const store = wrapped((step) => (step === hung ? (reached.resolve(), new Promise(() => {})) : undefined));
  const it = await withScript(pays, { pay: pay.handler }, {}, { store, ...recording });
  const caller = new AbortController();
  const running = it.run({ executionId: "run", signal: caller.signal }).catch((error: CodemodeError) => error);
  if (hung === "finish") pay.resolve("paid");
  await (hung === "release" ? pay.started : reached.promise);
  const dispose = () => it[Symbol.asyncDispose]();
  return { codemode: it.codemode, calls: it.calls, running, caller, [Symbol.asyncDispose]: dispose };
}

const told: [Step, string][] = [
  ["claim", 'Cannot begin run "run": its store has not answered within 100 ms; nothing of it has been done here'],
  [
    "countAttempts",
    'Run "run" has been stopped: attempt 1 cannot be recorded: its store has not answered within 100 ms',
  ],
  ["put", 'has been stopped: call 1 ("pay", pending) cannot be recorded: its store has not answered within 100 ms'],
  ["finish", "has been stopped: its end cannot be recorded: its store has not answered within 100 ms"],
];

test.each(told)(
  "a store that hangs at %s ends the run when its lease is over, and the error says what is lost",
  async (hung, why) => {
    await using it = await hanging(hung, { leaseMs: 100 });
    expect(await it.running).toMatchObject({ code: "TIMEOUT", message: expect.stringContaining(why) });
    expect(it.calls).toEqual(hung === "finish" ? ["pay"] : []);
  },
);

test.each(STEPS)(
  "a store that hangs at %s for hours holds up neither a caller that aborts nor close()",
  async (hung) => {
    await using aborted = await hanging(hung, { leaseMs: LONG_MS });
    await using closed = await hanging(hung, { leaseMs: LONG_MS });
    aborted.caller.abort(new Error("enough"));
    const closing = closed.codemode.close();
    const end = hung === "release" ? { error: { type: "Cancelled" } } : { code: "TIMEOUT" };
    expect(await aborted.running).toMatchObject(end);
    expect(await closed.running).toMatchObject(end);
    await closing;
  },
);

test("close({ wait: true }) waits no longer for a store than for a lease", async () => {
  await using it = await hanging("put", { leaseMs: 100 });
  await it.codemode.close({ wait: true });
  expect(await it.running).toMatchObject({ code: "TIMEOUT" });
});

test("attempts are counted over all apps that go on with a run", async () => {
  await using store = new MemoryStore();
  const seen: number[] = [];
  const app = (streams: number, isLast: boolean) =>
    withScript(
      (peer, stream) => {
        seen.push(peer.start.attempt);
        peer.accept();
        if (isLast && stream === streams) peer.finish("done");
        else lose(peer);
      },
      {},
      { retry: { maxAttempts: streams } },
      { store },
    );
  for (const streams of [2, 1, 3]) {
    await using it = await app(streams, false);
    expect(await it.run({ executionId: "run" })).toMatchObject({ error: { type: "Crashed" }, attempts: seen.length });
  }
  await using it = await app(2, true);
  expect(await it.run({ executionId: "run" })).toMatchObject({ value: "done", attempts: seen.length });
  expect(seen).toEqual(seen.map((_, index) => index + 1));
  expect(seen.length).toBeGreaterThan(4);
});
