// An executor that has been taken over: whatever it says, the app calls what is listed, once, and comes to an end.
//
// | rule | | where it is tested |
// |---|---|---|
// | K1 | only listed names, from a Map of our own | here; client: "a run may call only the tools that execute() names" |
// | K2 | arguments are bounded and checked before a handler sees them | here; client: "arguments with the key …"; schemas; values-hostile |
// | K3 | what a tool may do is the app's policy | the list of a run: here, client; what is more than a list is not built |
// | K4 | secrets stay with the handlers | context: "secrets show up in no text …"; end-to-end: "secrets reach handlers …" |
// | K5 | limits for each run and each call, and a signal | here; unread-answers; client: "the run's own budgets hold …", "a handler over its time …" |
// | K6 | an effect has a key of its own, and is not had twice | attempts: "… each handler runs once"; durable |
// | K7 | what comes is text and data, never code | hostile-outcome |
// | K8 | what is told of the calls is what the app did | hostile-outcome |
//
// | case of the catalogue | where it is tested |
// |---|---|
// | client-unknown-tool | K1 |
// | client-args-schema, client-python-int | K2: "arguments … are an error of that call" |
// | client-python-surrogate | hostile-outcome: "half of a surrogate pair …" |
// | client-sidecar-hostile | this file and hostile-outcome; client: "… is a protocol error, and the handler ran at most once" |
// | client-result-render | hostile-outcome: "what would be markup …"; cli-run: "what a program prints cannot command a terminal" |
// | client-injected-result | hostile-outcome: "how a call ended …" |
// | client-retry-effects | attempts: "… the run goes on, and each handler runs once"; durable-chaos |
// | client-cancel-tool | client: "CallCancelled fires the handler's signal …", "a call that is open when the program ends …" |
// | client-confused-deputy | here: K3; context: "100 concurrent runs in 100 contexts …". That a run which was given both reads a secret and sends it is for the app to allow: its list has both |
// | client-exfil-args | how much and how often: K2, K5. Where to: fetch, F1 to F3. What a tool of the app does with it is the app's policy |
// | client-exfil-timing | how often: client, "the run's own budgets hold …". What fewer calls than that tell, and when, no test can forbid |
import { EventEmitter, once } from "node:events";
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import { Metadata, status } from "@grpc/grpc-js";
import { CallKind, send, toDuration, withStatusDetails } from "@codemode/proto";
import { expect, test } from "vitest";
import { z } from "zod";
import { Codemode, ComponentRegistry } from "../client/src/index.ts";
import { alike, attack, chain, type Event, raw, sayFinished } from "./hostile/attack.ts";
import { lose, withScript } from "./scripted-client.ts";
import { gone, type Peer, type Script, startScripted, toValue } from "./scripted-executor.ts";

const protocol = { code: "PROTOCOL" };
const NOTHING = { usage: undefined, truncation: undefined, warnings: [] };
const ONE = { result: { $case: "value", value: toValue(1) } } as const;
const TWO = { result: { $case: "value", value: toValue(2) } } as const;

// K1
// ==========================================================================

test.each(["constructor", "__proto__", "toString", "then", "take.run", "Take", "take\0", " take", ""])(
  "K1: %j is no tool because objects have it or because it looks like one",
  async (name) => {
    for (const kind of [CallKind.CALL_KIND_TOOL, CallKind.CALL_KIND_AGENT]) {
      const { ended, called, streams } = await attack((peer) => (peer.accept(), peer.call(1, name, {}, kind)));
      expect({ ended, called, streams }).toMatchObject({ ended: protocol, called: 0, streams: 1 });
    }
  },
);

const calls: Record<string, Script> = {
  "a tool as an agent": (peer) => peer.call(1, "take", {}, CallKind.CALL_KIND_AGENT),
  "a call of a kind that there is not": (peer) => peer.call(1, "take", {}, 77 as CallKind),
  "a call of no kind": (peer) => peer.call(1, "take", {}, CallKind.CALL_KIND_UNSPECIFIED),
  "a timer with arguments": (peer) => peer.call(1, "", {}, CallKind.CALL_KIND_TIMER),
  "a call with number 0": (peer) => peer.call(0, "take", {}),
  "a call with the last number there is": (peer) => peer.call(4_294_967_295, "take", {}),
  "more than a megabyte of arguments": (peer) => peer.call(1, "take", "x".repeat(1_048_577)),
  "a batch of no calls": (peer) => peer.calls(),
  "a batch in which a call comes first that is not due": (peer) => peer.calls([2, "take"], [1, "take"]),
  "a batch before which nothing was listed of that name": (peer) => peer.calls([1, "constructor"], [2, "take"]),
  "the end of a call that it never made": (peer) => peer.say({ $case: "callCancelled", value: { seq: 1 } }),
};

test.each(Object.entries(calls))("K1: %s calls nobody", async (_, script) => {
  const { ended, called, streams } = await attack((peer, attempt) => (peer.accept(), script(peer, attempt)));
  expect({ ended, called, streams }).toMatchObject({ ended: protocol, called: 0, streams: 1 });
});

const late: Record<string, (peer: Peer) => void> = {
  Call: (peer) => peer.call(1, "take", {}),
  CallBatch: (peer) => peer.calls([1, "take"], [2, "take"]),
  Log: (peer) => peer.say({ $case: "log", value: { level: 2, text: "x" } }),
  Output: (peer) => peer.say({ $case: "output", value: { item: { $case: "text", value: "x" } } }),
  JournalWanted: (peer) => peer.say({ $case: "journalWanted", value: {} }),
  Accepted: (peer) => peer.accept(),
  "another Finished": (peer) => sayFinished(peer, TWO),
  "a message that says nothing": (peer) => void peer.stream.write({ event: undefined }),
};

test.each(Object.entries(late))("K1: %s after Finished has no effect", async (_, script) => {
  const { ended, called } = await attack((peer) => {
    peer.accept();
    sayFinished(peer, ONE);
    script(peer);
    peer.stream.end();
  });
  expect({ ended, called }).toMatchObject({ ended: { value: 1 }, called: 0 });
});

// K2
// ==========================================================================

const keys = Array.from({ length: 20_000 }, (_, index) => `"k${index}":${index}`);

/** Texts that no program of ours writes, and what a handler with a schema is to see of them: nothing. */
const texts: Record<string, string | Buffer> = {
  "of another type": '{"n":"1"}',
  "with keys that nobody listed": '{"n":1,"admin":true}',
  "with twenty thousand keys": `{"n":1,${keys.join(",")}}`,
  "with __proto__": '{"n":1,"__proto__":{"admin":true}}',
  "with constructor below": '{"n":{"constructor":{"prototype":{"admin":true}}}}',
  "with __proto__ in a Map": '{"n":{"$type":"Map","value":[[{"$type":"Object","value":[["__proto__",1]]},1]]}}',
  "with 1e999": '{"n":1e999}',
  "with NaN": '{"n":{"$type":"number","value":"NaN"}}',
  "with 2 to the 63": '{"n":9223372036854775808}',
  "with an integer of 5000 digits": `{"n":1${"0".repeat(5_000)}}`,
  "3000 levels deep": `{"n":${"[".repeat(3_000)}${"]".repeat(3_000)}}`,
  "that refer to themselves 30,000 levels deep": chain,
  "with a reference to nothing": '{"n":{"$type":"Ref","id":9}}',
  "with a type that there is not": '{"n":{"$type":"Function","value":"process.exit()"}}',
  "that fill one hash bucket": `{"n":{"$type":"Set","value":[${alike}]}}`,
  "that are no JSON": '{"n":1',
  "that are no UTF-8": Buffer.from([0x7b, 0x22, 0x6e, 0x22, 0x3a, 0xff, 0xfe, 0x7d]),
  "that are bytes of any kind": Buffer.from(Array.from({ length: 1_000 }, (_, at) => (at * 167) % 256)),
};

test("K2: arguments that the schema does not let pass are an error of that call, and reach no handler", async () => {
  const seen: unknown[] = [];
  const registry = new ComponentRegistry().registerTool("take", {
    description: "",
    inputSchema: z.strictObject({ n: z.int() }),
    execute: (input) => seen.push(input),
  });
  await using executor = await startScripted(async (peer) => {
    peer.accept();
    const names: unknown[] = [];
    for (const [index, text] of [...Object.values(texts), '{"n":7}'].entries()) {
      peer.say({
        $case: "call",
        value: { seq: index + 1, kind: CallKind.CALL_KIND_TOOL, name: "take", arguments: raw(text), delayMs: 0 },
      });
      const { result } = await peer.answer();
      names.push(result?.$case === "error" ? result.value.name : result?.$case);
    }
    peer.finish(names);
  });
  await using codemode = Codemode.fromClientConfig({ registry, config: { executor: { url: executor.url } } });
  const { value } = await codemode.execute("…");
  expect(value).toEqual([...Object.keys(texts).map(() => "ToolInputError"), "value"]);
  expect(seen).toEqual([{ n: 7 }]);
  expect(Reflect.ownKeys(Object.prototype)).not.toContain("admin");
});

// K3
// ==========================================================================

test("K3: what one run may do is not to be had by way of another that is open, nor with its rights", async () => {
  const seen: string[] = [];
  const registry = new ComponentRegistry();
  for (const name of ["read_secret", "send_mail"]) {
    const execute = (_: unknown, { context }: { context: { get(key: string): unknown } }) =>
      void seen.push(`${name} as ${String(context.get("user"))}`);
    registry.registerTool(name, { description: "", execute });
  }
  const bothOpen = Promise.withResolvers<void>();
  let open = 0;
  await using scripted = await startScripted(async (peer) => {
    peer.accept();
    if (++open === 2) bothOpen.resolve();
    await bothOpen.promise;
    peer.call(1, "read_secret"); // in both: only one of them may
    if (peer.start.context?.data.includes("eve")) return gone(peer);
    await peer.answer();
    peer.finish(1);
  });
  await using codemode = Codemode.fromClientConfig({
    registry,
    config: { executor: { mode: "remote", url: scripted.url } },
  });
  const run = (user: string, tool: string) => codemode.withContext({ user }).execute("…", { tools: [tool] });
  const [ada, eve] = await Promise.allSettled([run("ada", "read_secret"), run("eve", "send_mail")]);
  expect(eve).toMatchObject({ status: "rejected", reason: protocol });
  expect(ada).toMatchObject({ status: "fulfilled", value: { value: 1 } });
  expect(seen).toEqual(["read_secret as ada"]);
});

// K5
// ==========================================================================

/** Says it as long as the app listens, no faster than it reads. */
async function flood(peer: Peer, event: (at: number) => Event, turns = Infinity): Promise<void> {
  const left = new AbortController();
  peer.stream.once("cancelled", () => left.abort());
  for (let at = 0; at < turns && !left.signal.aborted; at++) {
    await send(peer.stream, { event: event(at) }, left.signal).catch(() => {}); // it has left
    if (at % 16 === 0) await turn(); // the app is in this process too
  }
}

const MIB = 1_048_576;
const large = "x".repeat(MIB);

test("K5: a quarter of a gigabyte of console output is counted, not kept", async () => {
  let most = 0;
  const before = process.memoryUsage().rss;
  const { ended } = await attack(async (peer) => {
    peer.accept();
    await flood(
      peer,
      () => {
        most = Math.max(most, process.memoryUsage().rss);
        return { $case: "log", value: { level: 2, text: large } };
      },
      256,
    );
    peer.finish("end");
  });
  expect(ended).toMatchObject({ value: "end", logs: { length: 1 }, warnings: [/^255 lines/] });
  expect((most - before) / MIB).toBeLessThan(128);
});

const floods: Record<string, (turn: number) => Event> = {
  "text()": () => ({ $case: "output", value: { item: { $case: "text", value: large } } }),
  "empty texts": () => ({ $case: "output", value: { item: { $case: "text", value: "" } } }),
  "images without bytes": () => ({
    $case: "output",
    value: { item: { $case: "image", value: { mimeType: "x".repeat(1_000), data: Buffer.alloc(0) } } },
  }),
  "calls of timers": (turn) => ({
    $case: "call",
    value: { seq: turn + 1, kind: CallKind.CALL_KIND_TIMER, name: "", arguments: undefined, delayMs: 1e9 },
  }),
  "calls that it gives up": (turn) => {
    const seq = Math.floor(turn / 2) + 1;
    if (turn % 2 === 1) return { $case: "callCancelled", value: { seq } };
    const call = { seq, kind: CallKind.CALL_KIND_TOOL, name: "take", arguments: undefined, delayMs: 0 };
    return { $case: "call", value: call };
  },
};

test.each(Object.entries(floods))("K5: a flood of %s ends the run", async (_, event) => {
  const options = { budgets: { maxCalls: 200, maxCallsInFlight: 10 } };
  const { ended, called, streams } = await attack((peer) => (peer.accept(), flood(peer, event)), options);
  expect({ ended, streams }).toMatchObject({ ended: protocol, streams: 1 });
  expect(called).toBeLessThanOrEqual(200);
});

/** What a run may do that has asked for nothing. */
const DEFAULTS = { calls: 1_000, "calls at a time": 64 };
const bySeq: Record<keyof typeof DEFAULTS, (peer: Peer, seq: number) => Promise<unknown> | void> = {
  calls: (peer, seq) => (peer.timer(seq, 0), peer.answer()),
  "calls at a time": (peer, seq) => peer.timer(seq, 1e9),
};

test.each(["calls", "calls at a time"] as const)("K5: without budgets %s are counted as well", async (what) => {
  const made = (calls: number) =>
    attack(async (peer) => {
      peer.accept();
      for (let seq = 1; seq <= calls; seq++) await bySeq[what](peer, seq);
      peer.finish("end");
    });
  expect((await made(DEFAULTS[what])).ended).toMatchObject({ value: "end" });
  expect((await made(DEFAULTS[what] + 1)).ended).toMatchObject(protocol);
});

/** An executor that makes one call after the other and reads no answer, until ten in a row have called nobody. What then? */
async function gorged(then: (peer: Peer, made: number) => Promise<void>, next: Script = () => {}) {
  const admitted = new EventEmitter();
  let made = 0;
  const script: Script = async (peer, attempt) => {
    if (attempt > 1) return next(peer, attempt);
    peer.accept();
    while (made < it.calls.length + 10 && made < 300) {
      const taken = once(admitted, "call");
      peer.call(++made, "take", {});
      await taken;
      await turn(); // in which its handler is called, if it is
    }
    await then(peer, made);
  };
  await using it = await withScript(script, { take: () => "x".repeat(1_000_000) });
  const outcome = await it.run({ onCall: ({ state }) => void (state === "pending" && admitted.emit("call")) });
  return { outcome, made, called: it.calls.length };
}

test("K5: no handler is called for an executor that does not read, until it does", async () => {
  const { outcome, made, called } = await gorged(async (peer, calls) => {
    const seqs = [];
    while (seqs.length < calls) seqs.push((await peer.answer()).seq);
    peer.finish(seqs);
  });
  expect(made).toBeLessThan(64);
  expect({ outcome, called }).toMatchObject({
    outcome: { value: Array.from({ length: made }, (_, index) => index + 1) },
    called: made,
  });
});

test("K5: … until another does, which has read the journal", async () => {
  const seqs: number[] = [];
  const { outcome, made, called } = await gorged(
    async (peer) => lose(peer),
    async (peer) => {
      const pending = (await peer.journal()).filter(({ settleOrder }) => settleOrder === 0);
      peer.accept();
      for (const { seq } of pending) peer.call(seq, "take", {});
      while (seqs.length < pending.length) seqs.push((await peer.answer()).seq);
      peer.finish("end");
    },
  );
  expect(seqs.length).toBeGreaterThanOrEqual(10);
  expect({ outcome, called }).toMatchObject({ outcome: { value: "end", attempts: 2 }, called: made });
});

test("K5: … and never for calls that it has given up meanwhile", async () => {
  const { outcome, made, called } = await gorged(async (peer, calls) => {
    for (let seq = calls - 9; seq <= calls; seq++) peer.say({ $case: "callCancelled", value: { seq } });
    while ((await peer.answer()).seq < calls - 10);
    peer.call(calls + 1, "take", {});
    await peer.answer();
    peer.finish("end");
  });
  expect({ outcome, called }).toMatchObject({ outcome: { value: "end" }, called: made - 9 });
  expect(outcome.calls.map(({ state }) => state).slice(-11)).toEqual([
    ...Array<string>(10).fill("not started"),
    "succeeded",
  ]);
});

test("K5: no answer is larger than the run allows, whatever the executor takes", async () => {
  const script: Script = async (peer) => {
    const budgets = { wallTime: toDuration(30_000), waitTime: undefined, cpuTime: undefined, answerBytes: 3_145_728n };
    peer.say({ $case: "accepted", value: { executorId: "", budgets, takesBatches: false } });
    const results = [];
    for (const seq of [1, 2]) results.push((peer.call(seq, "take"), (await peer.answer()).result?.$case));
    peer.finish(results);
  };
  let bytes = MIB;
  await using it = await withScript(script, { take: () => "x".repeat(bytes++ - 2) }); // and its quotes
  expect(await it.run()).toMatchObject({ value: ["value", "error"] });
});

const crowds: Record<string, Event> = {
  "awaited calls": { $case: "idle", value: { awaited: Array<number>(40_000).fill(1) } },
  warnings: { $case: "finished", value: { ...NOTHING, ...ONE, warnings: Array<string>(40_000).fill("") } },
};

test.each(Object.entries(crowds))("K5: a message of tens of thousands of %s is not decoded", async (_, event) => {
  const { ended, streams } = await attack((peer) => (peer.accept(), peer.say(event), void peer.stream.end()));
  expect({ ended, streams }).toMatchObject({ ended: { error: expect.anything() }, streams: 1 });
});

const GRACE_MS = 10_000; // of the app, for what an executor says late
const endless: Record<string, Script> = {
  "says nothing after Accepted": async (peer) => (peer.accept(Number.MAX_SAFE_INTEGER), gone(peer)),
  "logs for ever": (peer) => (peer.accept(-1), flood(peer, () => ({ $case: "log", value: { level: 2, text: "x" } }))),
  "waits for ever": (peer) => (peer.accept(0), flood(peer, () => ({ $case: "idle", value: { awaited: [1] } }))),
};

test.concurrent.each(Object.entries(endless))(
  "K5: an executor that %s is given up when the time of the run is over",
  async (_, script) => {
    const started = performance.now();
    const { ended, streams } = await attack(script, { timeoutMs: 50, budgets: { maxWaitMs: 50 } });
    expect({ ended, streams }).toMatchObject({ ended: { error: { type: "Timeout" } }, streams: 1 });
    expect(performance.now() - started).toBeGreaterThan(GRACE_MS);
  },
);

test("K5: an executor that breaks its streams gets no more time by it, whatever it did for the run", async () => {
  const late: Script = async (peer, attempt) => {
    peer.accept();
    peer.timer(attempt, 0); // which starts the count of attempts again
    await peer.answer();
    if (attempt === 5) return peer.finish("late");
    await sleep(100);
    lose(peer);
  };
  const { ended, streams } = await attack(late, { timeoutMs: 50, budgets: { maxWaitMs: 50 } });
  expect({ ended, streams }).toMatchObject({ ended: { error: { type: "Timeout" } }, streams: 1 });
});

test("K5: an executor that neither ends its stream nor answers Cancel is left behind", async () => {
  const { ended } = await attack(async (peer) => {
    peer.accept();
    sayFinished(peer, ONE);
    await gone(peer);
  });
  expect(ended).toMatchObject({ value: 1 });
  const caller = new AbortController();
  const cancelled = await attack(
    async (peer) => {
      peer.accept();
      setImmediate(() => caller.abort(new Error("enough")));
      await peer.next(); // Cancel
      peer.call(1, "take", {});
      await gone(peer);
    },
    { signal: caller.signal },
  );
  expect(cancelled).toMatchObject({ ended: { error: { type: "Cancelled" } }, called: 0 });
});

test("K5: nobody waits for years because an executor asks for it", async () => {
  const YEAR_MS = 365 * 86_400_000;
  const waits: unknown[] = [];
  for (const retryAfterMs of [10 * YEAR_MS, -YEAR_MS]) {
    const caller = new AbortController();
    const metadata = withStatusDetails(status.UNAVAILABLE, "", { retryAfterMs });
    await using it = await withScript((peer) => peer.fail({ code: status.UNAVAILABLE, metadata }));
    it.whileWaiting(() => retryAfterMs > 0 && setImmediate(() => caller.abort()));
    await it.run({ signal: caller.signal }).catch(() => {});
    waits.push(...it.told.flatMap(({ fields }) => fields["waitMs"] ?? []), it.executor.streams);
  }
  expect(waits).toEqual([60_000, 1, 0, 0, 3]);
});

const words: Record<string, Partial<Parameters<Peer["fail"]>[0]>> = {
  "of thirty thousand letters": { code: status.INTERNAL, details: "x".repeat(30_000) },
  "of thirty thousand spaces": { code: status.INTERNAL, details: `x${" ".repeat(30_000)}x` },
  "about a field of ten thousand letters": {
    code: status.INVALID_ARGUMENT,
    metadata: withStatusDetails(status.INVALID_ARGUMENT, "", { field: "x".repeat(10_000) }),
  },
  "with details that are none": { code: status.INVALID_ARGUMENT, metadata: garbled() },
  "with a code that there is not": { code: 99 as status },
};

function garbled(): Metadata {
  const metadata = new Metadata();
  metadata.set("grpc-status-details-bin", Buffer.alloc(4_000, 0xff));
  return metadata;
}

test.each(Object.entries(words))("K5: a status %s is an error of a readable length, soon", async (_, error) => {
  const before = process.cpuUsage();
  const { ended, streams } = await attack((peer) => peer.fail(error));
  const { user } = process.cpuUsage(before);
  expect(ended).toBeInstanceOf(Error);
  expect({ ended, streams }).toMatchObject({ ended: { code: expect.any(String) }, streams: 1 });
  expect((ended as Error).message.length).toBeLessThan(3_000);
  expect(user / 1e6).toBeLessThan(0.5); // seconds; a search in quadratic time takes one
});
