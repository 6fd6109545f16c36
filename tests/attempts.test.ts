import { createHash } from "node:crypto";
import { constants } from "node:http2";
import { expect, test, vi } from "vitest";
import { status } from "@grpc/grpc-js";
import { CallKind, CallState } from "@codemode/proto";
import type { ExecuteOptions } from "../client/src/index.ts";
import { type Handler, held, lose, settlements, withScript } from "./scripted-client.ts";
import { type Peer, type Script, toValue } from "./scripted-executor.ts";

// One run over several attempts: what each is told, and what of it the handlers notice.

const sha256 = (text: string | Buffer) => createHash("sha256").update(text).digest();

const breaks: Record<string, (peer: Peer) => void> = {
  UNAVAILABLE: lose,
  DEADLINE_EXCEEDED: (peer) => peer.fail({ code: status.DEADLINE_EXCEEDED }),
  RESOURCE_EXHAUSTED: (peer) => peer.fail({ code: status.RESOURCE_EXHAUSTED }),
  "a lost connection": (peer) => peer.cut(),
  "RST_STREAM with CANCEL": (peer) => peer.reset(constants.NGHTTP2_CANCEL),
  "RST_STREAM with INTERNAL_ERROR": (peer) => peer.reset(constants.NGHTTP2_INTERNAL_ERROR),
};
const points = ["before Accepted", "after Accepted", "in mid-call", "after the answer", "before Finished"] as const;

/** Runs `tools.first()`, then `tools.second()`, as an executor does that has a journal; breaks the first stream at `point`. */
function breakAt(point: (typeof points)[number], cut: (peer: Peer) => void, started: Promise<unknown>): Script {
  return async (peer, attempt) => {
    const isAt = (here: typeof point) => attempt === 1 && here === point;
    if (isAt("before Accepted")) return cut(peer);
    const done = (await peer.journal()).filter(({ state }) => state === CallState.CALL_STATE_SUCCEEDED).length;
    peer.accept();
    if (isAt("after Accepted")) return cut(peer);
    for (const [index, name] of ["first", "second"].entries()) {
      if (index < done) continue;
      peer.call(index + 1, name, { index });
      if (isAt("in mid-call")) return (await started, cut(peer));
      await peer.answer();
      if (isAt("after the answer")) return cut(peer);
    }
    if (isAt("before Finished")) return cut(peer);
    peer.finish("done");
  };
}

const everywhere = Object.entries(breaks).flatMap(([how, cut]) => points.map((point) => [how, point, cut] as const));

test.each(everywhere)("%s %s: the run goes on, and each handler runs once", async (_how, point, cut) => {
  const [first, starts] = [held(), [] as Peer["start"][]];
  const script = breakAt(point, cut, first.started);
  const watched: Script = (peer, attempt) => (starts.push(peer.start), script(peer, attempt));
  await using it = await withScript(watched, { first: first.handler, second: () => 2 });
  if (point === "in mid-call") it.whileWaiting(() => setImmediate(first.resolve, 1));
  else first.resolve(1);
  const outcome = await it.run();
  expect(outcome).toMatchObject({ status: "ok", value: "done", attempts: 2, interruptions: [{ attempt: 1 }] });
  expect(outcome.calls).toMatchObject([{ state: "succeeded" }, { state: "succeeded" }]);
  expect(it.calls).toEqual(["first", "second"]);
  const [{ attempt: one, journal: _1, ...before }, { attempt: two, journal: _2, ...after }] = starts as [
    Peer["start"],
    Peer["start"],
  ];
  expect([one, two]).toEqual([1, 2]);
  expect(after).toEqual(before); // execution id, seed, clock, code and all
});

test("a broken stream stops no handler, and its answer is sent by the next", async () => {
  const pay = held();
  let signal: AbortSignal | undefined;
  await using it = await withScript(
    async (peer, attempt) => {
      peer.accept();
      peer.call(1, "pay");
      signal = await pay.started;
      if (attempt === 1) return lose(peer);
      expect(signal.aborted).toBe(false);
      pay.resolve("paid");
      peer.finish((await peer.answer()).result);
    },
    { pay: pay.handler },
  );
  expect(await it.run()).toMatchObject({ value: { $case: "value" }, attempts: 2 });
  expect(it.calls).toEqual(["pay"]);
});

test("a handler that finishes while no stream is up has its answer in the next journal", async () => {
  const pay = held();
  await using it = await withScript(
    async (peer, attempt) => {
      peer.accept();
      if (attempt === 1) return (peer.call(1, "pay"), await pay.started, lose(peer));
      peer.finish((await peer.journal()).map(({ state, settleOrder }) => ({ state, settleOrder })));
    },
    { pay: pay.handler },
  );
  it.whileWaiting(() => pay.resolve("paid"));
  const outcome = await it.run();
  expect(outcome.value).toEqual([{ state: CallState.CALL_STATE_SUCCEEDED, settleOrder: 1 }]);
  expect(outcome.calls).toMatchObject([{ state: "succeeded" }]);
});

test("the next attempt has the journal, entry by entry", async () => {
  const [slow, stopped] = [held(), Promise.withResolvers<void>()];
  const bad = () => {
    throw Object.assign(new RangeError("no such row"), { code: "E_ROW" });
  };
  const giveUp: Handler = (_, { signal }) =>
    new Promise(() => signal.addEventListener("abort", () => stopped.resolve()));
  await using it = await withScript(
    async (peer, attempt) => {
      if (attempt === 1) {
        peer.accept();
        peer.call(1, "slow", { n: 1 });
        peer.call(2, "bad");
        await peer.answer();
        peer.call(3, "giveUp", {});
        peer.say({ $case: "callCancelled", value: { seq: 3 } });
        peer.call(4, "good", { n: 4 });
        await peer.answer();
        peer.timer(5, 60_000.5);
        peer.timer(6, 0);
        await peer.answer();
        await stopped.promise;
        return lose(peer);
      }
      const journal = await peer.journal();
      const times = journal.flatMap(({ settledAt }) => settledAt ?? []).map(Number);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
      const [tool, timer] = [CallKind.CALL_KIND_TOOL, CallKind.CALL_KIND_TIMER];
      const unsettled = {
        state: CallState.CALL_STATE_PENDING,
        result: undefined,
        settleOrder: 0,
        settledAt: undefined,
      };
      const entry = (seq: number, kind: CallKind, name: string, asked: string | Buffer) => ({
        ...unsettled,
        seq,
        kind,
        name,
        argumentsHash: sha256(asked),
      });
      const { CALL_STATE_SUCCEEDED: succeeded, CALL_STATE_FAILED: failed, CALL_STATE_CANCELLED: cancelled } = CallState;
      const error = { type: 1, name: "RangeError", message: "no such row", code: "E_ROW", retryable: false };
      const settledAt = expect.any(Date);
      const value = { encoding: 1, data: Buffer.from('"good"') };
      expect(journal).toEqual([
        entry(1, tool, "slow", '{"n":1}'),
        {
          ...entry(2, tool, "bad", ""),
          state: failed,
          result: { $case: "error", value: error },
          settleOrder: 1,
          settledAt,
        },
        { ...entry(3, tool, "giveUp", "{}"), state: cancelled },
        {
          ...entry(4, tool, "good", toValue({ n: 4 }).data),
          state: succeeded,
          result: { $case: "value", value },
          settleOrder: 2,
          settledAt,
        },
        entry(5, timer, "", "60000.5"),
        { ...entry(6, timer, "", "0"), state: succeeded, settleOrder: 3, settledAt },
      ]);
      peer.accept();
      peer.finish("seen");
    },
    { slow: slow.handler, bad, giveUp, good: () => "good" },
  );
  expect(await it.run()).toMatchObject({ value: "seen", error: null });
});

test("answers go in the order in which calls settled, over all attempts", async () => {
  const tools = { a: held(), b: held(), c: held(), d: held() };
  const { onCall, settled } = settlements();
  const settle = async (name: keyof typeof tools) => (tools[name].resolve(name), settled(name));
  await using it = await withScript(
    async (peer, attempt) => {
      peer.accept();
      if (attempt === 1) {
        for (const [index, name] of Object.keys(tools).entries()) peer.call(index + 1, name);
        await settle("b");
        expect((await peer.answer()).seq).toBe(2);
        return lose(peer);
      }
      expect((await peer.journal()).map(({ settleOrder }) => settleOrder)).toEqual([0, 1, 0, 0]);
      await settle("d");
      await settle("a");
      peer.call(1, "a"); // it has an answer, but d came before it
      peer.call(3, "c");
      await settle("c");
      peer.call(4, "d");
      const order = [await peer.answer(), await peer.answer(), await peer.answer()];
      expect(order.map(({ settledAt }) => Number(settledAt))).toEqual(
        order.map(({ settledAt }) => Number(settledAt)).toSorted((x, y) => x - y),
      );
      peer.finish(order.map(({ seq }) => seq));
    },
    Object.fromEntries(Object.entries(tools).map(([name, { handler }]) => [name, handler])),
  );
  expect((await it.run({ onCall })).value).toEqual([4, 1, 3]);
  expect(it.calls).toEqual(["a", "b", "c", "d"]);
});

test("the time of an answer never goes back, even where the clock does", async () => {
  const { now } = Date;
  let skew = 0;
  const clock = vi.spyOn(Date, "now").mockImplementation(() => now() + skew);
  await using it = await withScript(
    async (peer) => {
      peer.accept();
      const seen: number[] = [];
      for (const [index, next] of [-60_000, 60_000, 0].entries()) {
        peer.call(index + 1, "tick");
        seen.push(Number((await peer.answer()).settledAt));
        skew = next;
      }
      const [first = 0, second = 0, third = 0] = seen;
      peer.finish([second - first, third > second]);
    },
    { tick: () => 0 },
  );
  const outcome = await it.run();
  clock.mockRestore();
  expect(outcome.value).toEqual([0, true]);
});

test("a cancelled call stays cancelled", async () => {
  const [stopped, other] = [Promise.withResolvers<void>(), held()];
  const wait: Handler = (_, { signal }) => new Promise(() => signal.addEventListener("abort", () => stopped.resolve()));
  const started = Promise.withResolvers<void>();
  await using it = await withScript(
    async (peer, attempt) => {
      peer.accept();
      if (attempt === 1) {
        peer.call(1, "wait");
        peer.call(2, "other");
        await started.promise;
        peer.say({ $case: "callCancelled", value: { seq: 1 } });
        await stopped.promise;
        return lose(peer);
      }
      peer.say({ $case: "callCancelled", value: { seq: 1 } }); // a replay may say it again
      peer.call(2, "other");
      other.resolve("x");
      const [first] = await peer.journal();
      peer.finish([first?.state, (await peer.answer()).seq]);
    },
    { wait: (input, call) => (started.resolve(), wait(input, call)), other: other.handler },
  );
  const outcome = await it.run();
  expect(outcome.value).toEqual([CallState.CALL_STATE_CANCELLED, 2]);
  expect(outcome.calls).toMatchObject([
    { name: "wait", state: "unknown" },
    { name: "other", state: "succeeded" },
  ]);
});

test("a timer is joined, not started again", async () => {
  const timers = vi.spyOn(globalThis, "setTimeout");
  const delays = [54_321, 5.25];
  await using it = await withScript(
    async (peer, attempt) => {
      peer.accept();
      if (attempt === 1) {
        for (const [index, delay] of delays.entries()) peer.timer(index + 1, delay);
        peer.call(3, "tick"); // in the order of the stream: what came before it has been seen
        if ((await peer.answer()).seq !== 3) await peer.answer();
        return lose(peer);
      }
      const due = (await peer.journal()).filter(({ state }) => state === CallState.CALL_STATE_PENDING);
      for (const { seq } of due) peer.timer(seq, delays[seq - 1]!);
      if (due.length > 1) await peer.answer();
      peer.finish("x");
    },
    { tick: () => 0 },
  );
  const outcome = await it.run();
  const started = timers.mock.calls.map(([, ms]) => ms);
  timers.mockRestore();
  expect(outcome).toMatchObject({ value: "x", attempts: 2 });
  for (const delay of delays) expect(started.filter((ms) => ms === delay)).toHaveLength(1);
});

test("what the program has shown is not delivered twice, and all that came is counted", async () => {
  const lines: string[] = [];
  const show = (peer: Peer, text: string) => {
    peer.say({ $case: "log", value: { level: 2, text } });
    peer.say({ $case: "output", value: { item: { $case: "text", value: text } } });
  };
  await using it = await withScript(
    async (peer, attempt) => {
      peer.accept();
      if (attempt === 1) {
        for (const text of ["1", "2", "3"]) show(peer, text);
        peer.call(1, "tick"); // in the order of the stream: what came before it has been seen
        await peer.answer();
        return lose(peer);
      }
      show(peer, "4");
      peer.finish([peer.start.logsReceived, peer.start.outputsReceived]);
    },
    { tick: () => 0 },
  );
  const outcome = await it.run({ budgets: { maxLogLines: 2 }, onLog: ({ text }) => lines.push(text) });
  expect(outcome).toMatchObject({ value: [3, 3], logs: [{ text: "1" }, { text: "2" }] });
  expect(outcome.outputs.map((item) => item.type === "text" && item.text)).toEqual(["1", "2", "3", "4"]);
  expect(outcome.warnings).toEqual(["2 lines of console output were dropped: over the budget"]);
  expect(lines).toEqual(["1", "2"]);
});

test("a journal that is larger than a message travels in pieces, with Start and after JournalWanted", async () => {
  const big = "x".repeat(1_000_000);
  await using it = await withScript(
    async (peer, attempt) => {
      if (attempt === 1) {
        peer.accept();
        for (let seq = 1; seq <= 8; seq++) peer.call(seq, "read", { seq });
        for (let seq = 1; seq <= 8; seq++) await peer.answer();
        return lose(peer);
      }
      const pieces = await peer.pieces();
      expect(pieces.map(({ more }) => more)).toEqual([...pieces.slice(1).map(() => true), false]);
      const journal = pieces.flatMap(({ entries }) => entries);
      expect(journal.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      for (const { result } of journal) expect(result?.$case === "value" && result.value.data.length).toBe(1_000_002);
      peer.accept();
      expect(await peer.wantJournal()).toEqual(journal);
      peer.finish(pieces.map(({ entries }) => entries.length));
    },
    { read: () => big },
  );
  const code = "/".repeat(700_000); // Start's own size counts: no third entry fits into its message
  expect((await it.codemode.execute(code)).value).toEqual([2, 3, 3]);
});

test("JournalWanted: settled is what this stream has been told, and the rest comes live", async () => {
  const tools = { a: held(), b: held(), c: held() };
  const { onCall, settled } = settlements();
  const settle = async (name: keyof typeof tools) => (tools[name].resolve(name), settled(name));
  const states = (entries: readonly { state: CallState; settleOrder: number }[]) =>
    entries.map(({ state, settleOrder }) => (state === CallState.CALL_STATE_PENDING ? 0 : settleOrder));
  await using it = await withScript(
    async (peer, attempt) => {
      peer.accept();
      if (attempt === 1) {
        for (const [index, name] of Object.keys(tools).entries()) peer.call(index + 1, name);
        await settle("c");
        await peer.answer();
        return lose(peer);
      }
      const seen = [states(await peer.journal())];
      await settle("b"); // not told: its call was not made on this stream
      seen.push(states(await peer.wantJournal()));
      peer.call(1, "a");
      peer.call(2, "b");
      expect((await peer.answer()).seq).toBe(2);
      seen.push(states(await peer.wantJournal()));
      await settle("a");
      expect((await peer.answer()).seq).toBe(1);
      peer.finish([...seen, states(await peer.wantJournal())]);
    },
    Object.fromEntries(Object.entries(tools).map(([name, { handler }]) => [name, handler])),
  );
  expect((await it.run({ onCall })).value).toEqual([
    [0, 0, 1],
    [0, 0, 1],
    [0, 2, 1],
    [3, 2, 1],
  ]);
});

test("an executor cannot fill the app's memory by asking for the journal", async () => {
  await using it = await withScript(
    async (peer) => {
      peer.accept();
      peer.call(1, "read");
      await peer.answer();
      for (let n = 0; n < 100; n++) peer.say({ $case: "journalWanted", value: {} }); // and it reads none of them
    },
    { read: () => "x".repeat(1_000_000) },
  );
  await expect(it.run()).rejects.toThrow(/asked for the journal while it was on its way/);
});

const others: Record<string, (peer: Peer) => void> = {
  'came with "b" instead of "a"': (peer) => peer.call(1, "b", { n: 1 }),
  'came with another input for "a"': (peer) => peer.call(1, "a", { n: 2 }),
  'came with timer instead of "a"': (peer) => peer.timer(1, 5),
};

test.each(Object.entries(others))("a call that %s is Diverged, and nothing is started", async (message, make) => {
  const a = held();
  await using it = await withScript(
    async (peer, attempt) => {
      peer.accept();
      if (attempt > 1) return make(peer);
      peer.call(1, "a", { n: 1 });
      await a.started;
      lose(peer);
    },
    { a: a.handler, b: () => 1 },
  );
  const outcome = await it.run();
  expect(outcome).toMatchObject({ error: { type: "Diverged" }, attempts: 2, calls: [{ name: "a", state: "unknown" }] });
  expect(outcome.error?.message).toContain(message);
  expect((await a.started).aborted).toBe(true);
  expect([it.calls, it.executor.streams]).toEqual([["a"], 2]);
});

test("a violation is not tried again, and tells what has been done", async () => {
  await using it = await withScript(
    async (peer, attempt) => {
      peer.accept();
      peer.call(1, "pay");
      if (attempt > 1) return;
      await peer.answer();
      lose(peer);
    },
    { pay: () => "paid" },
  );
  const failure = await it.run().catch((error) => error);
  expect(failure).toMatchObject({ code: "PROTOCOL", calls: [{ name: "pay", state: "succeeded" }] });
  expect(failure.message).toMatch(/made call 1 where 2 was due/);
  expect([it.calls, it.executor.streams]).toEqual([["pay"], 2]);
});

/** Numbers that look random and are the same every time. */
function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => (state = (state * 48_271) % 2_147_483_647) % below;
}

test.each(Array.from({ length: 20 }, (_, n) => n + 1))(
  "whatever breaks whenever, game %i: once each, in one order",
  async (seed) => {
    const CALLS = 24;
    const roll = dice(seed * 7_919);
    const settledInApp: number[] = [];
    const delivered: number[][] = [];
    await using it = await withScript(
      async (peer, attempt) => {
        let rounds = attempt > 12 ? Infinity : roll(10);
        const journal = await peer.journal();
        const answered = journal.filter(({ settleOrder }) => settleOrder > 0);
        const recorded = answered.toSorted((a, b) => a.settleOrder - b.settleOrder).map(({ seq }) => seq);
        const seen: number[] = [];
        delivered.push(seen);
        peer.accept();
        let issued = 0;
        // A program that is a function of its answers: it begins with three calls, and each answer leads to up to two more.
        const issue = (count: number) => {
          for (const last = Math.min(issued + count, CALLS); issued < last;) {
            issued += 1;
            if (!recorded.includes(issued)) peer.call(issued, "work", { seq: issued });
          }
        };
        issue(3);
        while (seen.length < CALLS) {
          if (seen.length >= recorded.length && rounds-- <= 0) return roll(2) ? lose(peer) : peer.cut();
          const seq = recorded[seen.length] ?? (await peer.answer()).seq;
          seen.push(seq);
          issue(seen.length === issued ? 2 : seq % 3);
        }
        peer.finish(seen);
      },
      {
        work: async ({ seq }: { seq: number }) => {
          for (let turns = roll(12); turns > 0; turns--) await new Promise(setImmediate);
          return seq;
        },
      },
      { retry: { maxAttempts: 10 } },
    );
    const onCall: ExecuteOptions["onCall"] = ({ seq, state }) => state === "succeeded" && settledInApp.push(seq);
    const outcome = await it.run({ onCall });
    expect(outcome).toMatchObject({ error: null, value: settledInApp });
    expect(it.calls).toHaveLength(CALLS);
    for (const seen of delivered) expect(seen).toEqual(settledInApp.slice(0, seen.length));
  },
);
