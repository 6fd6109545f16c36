import { mkdtempDisposableSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  type CallRow,
  type Claim,
  type JournalStore,
  MemoryStore,
  type RunRecord,
  SqliteStore,
} from "../client/src/journal/index.ts";

// What holds in every store. Files and processes are in journal-sqlite.test.ts.

const LONG_MS = 600_000;

interface Fixture extends AsyncDisposable {
  readonly store: JournalStore;
}

function memory(): Fixture {
  const store = new MemoryStore();
  return { store, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
}

function sqlite(): Fixture {
  const folder = mkdtempDisposableSync(join(tmpdir(), "codemode-journal-"));
  const store = new SqliteStore(join(folder.path, "journal.db"));
  const dispose = async () => {
    await store[Symbol.asyncDispose]();
    folder.remove();
  };
  return { store, [Symbol.asyncDispose]: dispose };
}

function record(executionId = "run", changes: Partial<RunRecord> = {}): RunRecord {
  const start = new TextEncoder().encode("the program");
  return { executionId, fingerprint: "one", start, createdAt: new Date(1_700_000_000_000), ...changes };
}

function pending(seq: number, changes: Partial<CallRow> = {}): CallRow {
  const argumentsHash = new Uint8Array(32).fill(seq);
  const asked = {
    seq,
    kind: "tool",
    name: "mail.send",
    argumentsHash,
    startedAt: new Date(1_700_000_001_000),
  } as const;
  return { ...asked, state: "pending", handled: false, ...changes };
}

function settled(seq: number, settleOrder: number, changes: Partial<CallRow> = {}): CallRow {
  const answered = { settledAt: new Date(1_700_000_002_000), settleOrder, result: new Uint8Array([1, 2, 3]) };
  return { ...pending(seq), state: "succeeded", handled: true, ...answered, ...changes };
}

async function own(store: JournalStore, executionId = "run", leaseMs = LONG_MS): Promise<Claim & { kind: "owned" }> {
  const claim = await store.claim(record(executionId), "app-1", leaseMs);
  if (claim.kind !== "owned") throw new Error(`${executionId} is ${claim.kind}`);
  return claim;
}

/** Claims until the lease of another has run out; the test's own time-out bounds it. */
async function takeOver(store: JournalStore, executionId = "run"): Promise<Claim & { kind: "owned" }> {
  for (;;) {
    const claim = await store.claim(record(executionId), "app-2", LONG_MS);
    if (claim.kind === "owned") return claim;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const fenced = (why: string) => expect.objectContaining({ name: "FencedError", message: expect.stringContaining(why) });
const refused = (code: string, why: string) => expect.objectContaining({ code, message: expect.stringContaining(why) });

describe.each([
  ["MemoryStore", memory],
  ["SqliteStore", sqlite],
])("%s", (_name, open) => {
  test("claim() of a new run owns it, with no calls", async () => {
    await using fixture = open();
    const claim = await fixture.store.claim(record(), "app-1", LONG_MS);
    expect(claim).toEqual({
      kind: "owned",
      fence: 1,
      run: {
        record: record(),
        calls: [],
        attempts: 0,
        state: { kind: "owned", owner: "app-1", until: expect.any(Date) },
      },
    });
  });

  test("claim() of a run that somebody owns says who, and until when, also to its owner", async () => {
    await using fixture = open();
    const { run } = await own(fixture.store);
    const again = await fixture.store.claim(record(), "app-1", LONG_MS);
    expect(again).toEqual({ ...run.state, kind: "held" });
  });

  test("claim() of many at once makes one owner", async () => {
    await using fixture = open();
    const claims = await Promise.all(Array.from({ length: 20 }, () => fixture.store.claim(record(), "app", LONG_MS)));
    expect(claims.map(({ kind }) => kind).toSorted()).toEqual([...Array(19).fill("held"), "owned"]);
  });

  test("claim() refuses an id that is recorded for another run, whatever its state", async () => {
    await using fixture = open();
    const { store } = fixture;
    const other = () => store.claim(record("run", { fingerprint: "two" }), "app-2", LONG_MS);
    const mismatch = refused("INVALID_ARGUMENT", "another run");
    const { fence } = await own(store);
    await expect(other()).rejects.toThrow(mismatch);
    await store.release("run", fence);
    await expect(other()).rejects.toThrow(mismatch);
    await store.finish("run", (await own(store)).fence, "ok");
    await expect(other()).rejects.toThrow(mismatch);
    expect(await store.load("run")).toMatchObject({ record: { fingerprint: "one" } });
  });

  test("a run that is taken over has its calls as recorded, by seq, and its first record", async () => {
    await using fixture = open();
    const { store } = fixture;
    const { fence } = await own(store);
    const rows = [
      settled(1, 2),
      pending(2, { kind: "agent", name: "writer", handled: true }),
      settled(3, 1, { kind: "timer", name: "", state: "failed", result: new Uint8Array() }),
      { ...pending(4), state: "cancelled", settledAt: new Date(1_700_000_003_000) } as const,
    ];
    for (const row of rows.toReversed()) await store.put("run", fence, row);
    await store.release("run", fence);
    const later = record("run", { start: new Uint8Array([9]), createdAt: new Date() });
    const claim = await store.claim(later, "app-2", LONG_MS);
    expect(claim).toMatchObject({ kind: "owned", run: { state: { owner: "app-2" } } });
    const run = "run" in claim ? claim.run : undefined;
    expect(run?.calls).toEqual(rows);
    expect(run?.record).toEqual(record());
  });

  test("countAttempts() counts over all owners, and never back", async () => {
    await using fixture = open();
    const { store } = fixture;
    const first = await own(store);
    for (const attempts of [1, 3, 3, 2]) await store.countAttempts("run", first.fence, attempts);
    await store.release("run", first.fence);
    const { run, fence } = await own(store);
    expect(run.attempts).toBe(3);
    await store.countAttempts("run", fence, 4);
    await store.finish("run", fence, "ok");
    expect(await store.load("run")).toMatchObject({ attempts: 4 });
    await expect(store.countAttempts("run", fence, 5)).rejects.toThrow(fenced("the run has finished"));
  });

  test("put() takes a call from pending to its end", async () => {
    await using fixture = open();
    const { store } = fixture;
    const { fence } = await own(store);
    for (const row of [pending(1), pending(1, { handled: true }), settled(1, 1)]) {
      await store.put("run", fence, row);
      expect(await store.load("run")).toMatchObject({ calls: [row] });
    }
  });

  test("put() of a settled call changes nothing, and throws unless it is the same", async () => {
    await using fixture = open();
    const { store } = fixture;
    const { fence } = await own(store);
    await store.put("run", fence, settled(1, 1));
    await store.put("run", fence, settled(1, 1));
    const changes: Partial<CallRow>[] = [
      { state: "failed" },
      { state: "pending" },
      { result: new Uint8Array([4]) },
      { settleOrder: 2 },
      { settledAt: new Date(0) },
    ];
    for (const change of changes)
      await expect(store.put("run", fence, settled(1, 1, change))).rejects.toThrow(
        refused("INVALID_ARGUMENT", "it has settled (succeeded)"),
      );
    expect(await store.load("run")).toMatchObject({ calls: [settled(1, 1)] });
  });

  test("put() lets no call become another, and no called handler uncalled", async () => {
    await using fixture = open();
    const { store } = fixture;
    const { fence } = await own(store);
    const row = pending(1, { handled: true });
    await store.put("run", fence, row);
    const refusals = [
      [{ handled: false }, "recorded as called"],
      [{ name: "mail.delete" }, 'of the tool "mail.send"'],
      [{ kind: "agent" }, 'of the tool "mail.send"'],
      [{ argumentsHash: new Uint8Array(32) }, 'of the tool "mail.send"'],
    ] as const;
    for (const [change, why] of refusals)
      await expect(store.put("run", fence, { ...row, ...change })).rejects.toThrow(refused("INVALID_ARGUMENT", why));
    expect(await store.load("run")).toMatchObject({ calls: [row] });
  });

  test("the old owner's writes are refused after its lease has run out and another has taken over", async () => {
    await using fixture = open();
    const { store } = fixture;
    const old = await own(store, "run", 20);
    await store.put("run", old.fence, pending(1));
    const next = await takeOver(store);
    expect(next.fence).toBeGreaterThan(old.fence);
    const taken = fenced('"app-2" has taken the run over');
    await expect(store.put("run", old.fence, settled(1, 1))).rejects.toThrow(taken);
    await expect(store.put("run", old.fence, pending(2))).rejects.toThrow(taken);
    await expect(store.countAttempts("run", old.fence, 1)).rejects.toThrow(taken);
    await expect(store.renew("run", old.fence, LONG_MS)).rejects.toThrow(taken);
    await expect(store.finish("run", old.fence, "ok")).rejects.toThrow(taken);
    await store.release("run", old.fence);
    expect(await store.load("run")).toEqual({ ...next.run, calls: [pending(1)] });
    await store.put("run", next.fence, settled(1, 1));
  });

  test("an owner whose lease has run out writes on while nobody has taken over", async () => {
    await using fixture = open();
    const { store } = fixture;
    const { fence } = await own(store, "run", -1);
    await store.put("run", fence, pending(1));
    await store.renew("run", fence, LONG_MS);
    expect(await store.claim(record(), "app-2", LONG_MS)).toMatchObject({ kind: "held", owner: "app-1" });
  });

  test("renew() keeps others out for longer than the first lease", async () => {
    await using fixture = open();
    const { store } = fixture;
    const { fence, run } = await own(store, "run", 50);
    const first = run.state.kind === "owned" ? run.state.until.getTime() : 0;
    await store.renew("run", fence, LONG_MS);
    while (Date.now() <= first) await new Promise((resolve) => setImmediate(resolve));
    expect(await store.claim(record(), "app-2", LONG_MS)).toMatchObject({ kind: "held", owner: "app-1" });
  });

  test("a finished run gives its outcome to every claim, and takes no more writes", async () => {
    await using fixture = open();
    const { store } = fixture;
    const { fence } = await own(store);
    await store.put("run", fence, settled(1, 1));
    await store.finish("run", fence, '{"status":"ok"}');
    const state = { kind: "finished", outcome: '{"status":"ok"}', finishedAt: expect.any(Date) };
    const run = { record: record(), calls: [settled(1, 1)], attempts: 0, state };
    expect(await store.claim(record(), "app-2", LONG_MS)).toEqual({ kind: "done", outcome: state.outcome });
    const over = fenced("the run has finished");
    await expect(store.put("run", fence, pending(2))).rejects.toThrow(over);
    await expect(store.renew("run", fence, LONG_MS)).rejects.toThrow(over);
    await expect(store.finish("run", fence, "another")).rejects.toThrow(over);
    await store.finish("run", fence, '{"status":"ok"}'); // its answer may have been lost
    await store.release("run", fence);
    expect(await store.load("run")).toEqual(run);
  });

  test("a released run is claimed at once, and its old owner writes no more", async () => {
    await using fixture = open();
    const { store } = fixture;
    const { fence } = await own(store);
    await store.release("run", fence);
    await store.release("run", fence);
    expect(await store.load("run")).toMatchObject({ state: { kind: "free" } });
    await expect(store.put("run", fence, pending(1))).rejects.toThrow(fenced("its lease was ended"));
    expect((await own(store)).fence).toBeGreaterThan(fence);
  });

  test("nothing is written to a run that is not recorded", async () => {
    await using fixture = open();
    const { store } = fixture;
    const unknown = fenced("not recorded");
    await expect(store.put("run", 1, pending(1))).rejects.toThrow(unknown);
    await expect(store.countAttempts("run", 1, 1)).rejects.toThrow(unknown);
    await expect(store.renew("run", 1, LONG_MS)).rejects.toThrow(unknown);
    await expect(store.finish("run", 1, "ok")).rejects.toThrow(unknown);
    await store.release("run", 1);
    expect(await store.load("run")).toBeUndefined();
  });

  test("resolve() says what became of a pending call, and may say that its handler was never called", async () => {
    await using fixture = open();
    const { store } = fixture;
    const { fence } = await own(store);
    await store.put("run", fence, pending(1, { handled: true }));
    await store.put("run", fence, pending(2, { handled: true }));
    await store.release("run", fence);
    await store.resolve("run", settled(1, 1));
    await store.resolve("run", pending(2));
    expect((await own(store)).run.calls).toEqual([settled(1, 1), pending(2)]);
  });

  test("resolve() ends a lease that has run out, so that its owner cannot say otherwise", async () => {
    await using fixture = open();
    const { store } = fixture;
    const { fence } = await own(store, "run", -1);
    await store.put("run", fence, pending(1, { handled: true }));
    await store.resolve("run", pending(1));
    await expect(store.put("run", fence, settled(1, 1))).rejects.toThrow(fenced("its lease was ended"));
    expect(await store.load("run")).toMatchObject({ calls: [pending(1)], state: { kind: "free" } });
  });

  test("resolve() refuses what nobody may say", async () => {
    await using fixture = open();
    const { store } = fixture;
    await expect(store.resolve("run", settled(1, 1))).rejects.toThrow(refused("NOT_FOUND", "run is not recorded"));
    const { fence } = await own(store);
    await store.put("run", fence, settled(1, 1));
    await store.put("run", fence, pending(2));
    await expect(store.resolve("run", settled(2, 2))).rejects.toThrow(refused("BUSY", '"app-1" owns the run'));
    await store.release("run", fence);
    const cases = [
      [settled(3, 2), "NOT_FOUND", "no such call"],
      [settled(1, 2), "INVALID_ARGUMENT", "it has settled (succeeded)"],
      [settled(2, 2, { name: "mail.delete" }), "INVALID_ARGUMENT", "another call"],
      [settled(2, 1), "INVALID_ARGUMENT", "call 1 was the one to settle as number 1"],
    ] as const;
    for (const [call, code, why] of cases) await expect(store.resolve("run", call)).rejects.toThrow(refused(code, why));
    await store.finish("run", (await own(store)).fence, "ok");
    await expect(store.resolve("run", settled(2, 2))).rejects.toThrow(refused("INVALID_ARGUMENT", "has finished"));
  });

  test("prune() forgets what has finished, and nothing else", async () => {
    await using fixture = open();
    const { store } = fixture;
    for (let n = 0; n < 250; n++) {
      const { fence } = await own(store, `finished-${n}`);
      await store.put(`finished-${n}`, fence, settled(1, 1));
      await store.finish(`finished-${n}`, fence, "ok");
    }
    await own(store, "expired", -1);
    expect(await store.prune(new Date(0))).toBe(0);
    expect(await store.prune(new Date(Date.now() + 1))).toBe(250);
    expect(await store.load("finished-0")).toBeUndefined();
    expect(await store.load("expired")).toMatchObject({ state: { kind: "owned" } });
  });

  test("a fence is never handed out twice, not even for a run that was forgotten", async () => {
    await using fixture = open();
    const { store } = fixture;
    const zombie = await own(store, "run", -1);
    const { fence } = await takeOver(store);
    await store.finish("run", fence, "ok");
    await store.prune(new Date(Date.now() + 1));
    const again = await own(store);
    expect(again.run.calls).toEqual([]);
    expect(again.fence).toBeGreaterThan(fence);
    await expect(store.put("run", zombie.fence, pending(1))).rejects.toThrow(fenced("taken the run over"));
  });

  test("a closed store is closed, however often", async () => {
    const fixture = open();
    await fixture.store[Symbol.asyncDispose]();
    await fixture[Symbol.asyncDispose]();
    await expect(fixture.store.load("run")).rejects.toThrow(refused("CLOSED", "it is closed"));
    await expect(fixture.store.put("run", 1, pending(1))).rejects.toThrow(refused("CLOSED", "it is closed"));
  });
});

describe("MemoryStore is bounded", () => {
  async function finish(store: JournalStore, executionId: string, outcome = "ok"): Promise<void> {
    await store.finish(executionId, (await own(store, executionId)).fence, outcome);
  }

  async function kept(store: JournalStore, ids: readonly string[]): Promise<string[]> {
    const runs = await Promise.all(ids.map((id) => store.load(id)));
    return ids.filter((_, index) => runs[index] !== undefined);
  }

  test("it forgets the run that finished first, and never a live one", async () => {
    await using store = new MemoryStore({ maxFinished: 2 });
    await own(store, "live");
    for (const id of ["a", "b", "c", "d"]) await finish(store, id);
    expect(await kept(store, ["live", "a", "b", "c", "d"])).toEqual(["live", "c", "d"]);
  });

  test("it holds a bounded number of bytes, and always the latest run", async () => {
    await using store = new MemoryStore({ maxFinishedBytes: 10_000 });
    for (const id of ["a", "b", "c"]) await finish(store, id, "x".repeat(4000));
    expect(await kept(store, ["a", "b", "c"])).toEqual(["b", "c"]);
    await finish(store, "d", "x".repeat(20_000));
    expect(await kept(store, ["a", "b", "c", "d"])).toEqual(["d"]);
    await store.prune(new Date(Date.now() + 1));
    for (const id of ["a", "b"]) await finish(store, id, "x".repeat(4000));
    expect(await kept(store, ["a", "b", "d"])).toEqual(["a", "b"]);
  });

  test("it forgets the run that was given up first, unless somebody goes on with it", async () => {
    await using store = new MemoryStore({ maxFinished: 2 });
    const giveUp = async (id: string) => store.release(id, (await own(store, id)).fence);
    for (const id of ["a", "b"]) await giveUp(id);
    await own(store, "a");
    for (const id of ["c", "d"]) await giveUp(id);
    expect(await kept(store, ["a", "b", "c", "d"])).toEqual(["a", "c", "d"]);
  });

  test("it holds a bounded number of bytes of runs that were given up, and always the latest", async () => {
    await using store = new MemoryStore({ maxFinishedBytes: 10_000 });
    const giveUp = async (id: string, bytes = 4_000) => {
      const { fence } = await own(store, id);
      await store.put(id, fence, settled(1, 1, { result: new Uint8Array(bytes) }));
      await store.release(id, fence);
    };
    for (const id of ["a", "b", "c"]) await giveUp(id);
    expect(await kept(store, ["a", "b", "c"])).toEqual(["b", "c"]);
    await own(store, "b"); // somebody goes on with it: it counts no more
    await giveUp("d");
    expect(await kept(store, ["b", "c", "d"])).toEqual(["b", "c", "d"]);
    await giveUp("e", 20_000);
    expect(await kept(store, ["b", "c", "d", "e"])).toEqual(["b", "e"]);
  });

  test("it holds a manifest once, whatever objects it came in, until no run has it", async () => {
    await using store = new MemoryStore({ maxFinishedBytes: 10_000, maxFinished: 3 });
    const run = async (id: string, fill: number) => {
      const manifest = { hash: new Uint8Array(32).fill(fill), encoded: new Uint8Array(7_000).fill(fill) };
      const claim = await store.claim(record(id, { manifest }), "app-1", LONG_MS);
      if (claim.kind !== "owned") throw new Error(claim.kind);
      await store.finish(id, claim.fence, "ok");
      return claim.run.record.manifest;
    };
    const [first, second] = [await run("a", 1), await run("b", 1)];
    expect(second).toBe(first);
    expect(await kept(store, ["a", "b"])).toEqual(["a", "b"]);
    await run("c", 2); // another one, for which there is room beside no other
    expect(await kept(store, ["a", "b", "c"])).toEqual(["c"]);
    expect(await run("d", 1)).not.toBe(first);
  });

  test("it keeps 1,000 finished runs", async () => {
    await using store = new MemoryStore();
    for (let n = 0; n <= 1000; n++) await finish(store, `run-${n}`);
    expect(await kept(store, ["run-0", "run-1", "run-1000"])).toEqual(["run-1", "run-1000"]);
  });
});
