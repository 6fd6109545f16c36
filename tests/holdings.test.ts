import { createHash } from "node:crypto";
import { mkdtempDisposableSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { ClientMessage, Manifest, type ManifestPiece, readStatusDetails, type Start } from "@codemode/proto";
import { encode } from "@codemode/proto/values";
import { expect, test } from "vitest";
import { Holdings } from "../executor/src/session/holdings.ts";
import { Keep } from "../executor/src/session/keep.ts";
import { type ComponentSet, componentsOf } from "../executor/src/session/manifest.ts";
import { ChildExecutor, connect, type Fixture, startInProcess, startOf, Stream } from "./executor-fixture.ts";
import { ask } from "./journal-fixture.ts";
import { residentMibOf } from "./processes.ts";

// What open runs hold is bounded over all keys, wherever they wait: in the line, on a worker, or parked.

const code = "return await tools.ask()";
const ACCEPTED = "accepted";

/** A manifest of `ask`, with a description of so many characters. */
function manifestOf(description: string): Manifest {
  return { tools: [{ ...ask, description }], agents: [] };
}

/** What a run holds that starts so. */
function heldBy({ context, components }: Partial<Start>): number {
  const set = components?.$case === "manifest" ? componentsOf(components.value, "").bytes : 0;
  return 2 * code.length + (context?.data.length ?? 0) + set;
}

/** An executor with one worker and two keys of the same weight, whose runs may hold so much. */
async function start(programBytes: number): Promise<Fixture> {
  using folder = mkdtempDisposableSync(join(tmpdir(), "cm-"));
  const file = join(folder.path, "keys.yaml");
  writeFileSync(file, "keys: [{ id: greedy, key: greedy }, { id: calm, key: calm }]");
  return await startInProcess({ CODEMODE_EXECUTOR_API_KEYS_FILE: file }, new Keep({ programBytes }));
}

/** Streams of one key, which are ended together. */
class Runs implements AsyncDisposable {
  readonly #executor: Fixture;
  readonly #key: string;
  readonly streams: Stream[] = [];

  constructor(executor: Fixture, key = "greedy") {
    this.#executor = executor;
    this.#key = key;
  }

  /** Begins one, and tells its components piece by piece where Start only names them. "accepted" once it waits for its answer. */
  async begin(how: Partial<Start>, pieces: readonly ManifestPiece[] = []): Promise<string> {
    const stream = new Stream(this.#executor.client, this.#key);
    this.streams.push(stream);
    stream.start(code, how);
    if (pieces.length > 0) await stream.next("manifestWanted").catch(() => {});
    for (const value of pieces) stream.send({ $case: "manifest", value });
    return stream.next("call").then(
      () => ACCEPTED,
      async () => {
        const { code: ended, metadata } = await stream.status;
        return `${status[ended]}, again after ${readStatusDetails(metadata).retryAfterMs} ms`;
      },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.streams.map((stream) => stream[Symbol.asyncDispose]()));
  }
}

const NO_ROOM = "RESOURCE_EXHAUSTED, again after 1000 ms";

test("parked runs may hold so much, one more is told to come again, another key is served, and all is given back", async () => {
  const large: Partial<Start> = {
    context: { encoding: 1, data: Buffer.from(encode("x".repeat(900_000))) },
    components: { $case: "manifest", value: manifestOf("y".repeat(100_000)) },
  };
  await using executor = await start(4 * heldBy(large));
  for (let round = 0; round < 2; round++) {
    await using greedy = new Runs(executor);
    await using calm = new Runs(executor, "calm");
    // The fourth takes the last byte. What the round before it held is given back once its worker is free.
    await expect.poll(() => greedy.begin(large)).toBe(ACCEPTED);
    await expect.poll(() => greedy.begin(large)).toBe(ACCEPTED);
    await expect.poll(() => greedy.begin(large)).toBe(ACCEPTED);
    await expect.poll(() => greedy.begin(large)).toBe(ACCEPTED);
    expect(await greedy.begin({})).toBe(NO_ROOM);
    expect(await calm.begin(large)).toBe(ACCEPTED);
    expect(await calm.begin(large)).toBe(ACCEPTED);
    expect(await calm.begin(large)).toBe(NO_ROOM);
    for (const stream of calm.streams.slice(0, 2)) {
      stream.answer(1, "an answer");
      expect((await stream.next("finished")).result?.$case).toBe("value");
    }
  }
});

/** A set that Start names, and its pieces. */
function named(description: string): { readonly how: Partial<Start>; readonly pieces: readonly ManifestPiece[] } {
  const manifest = manifestOf(description);
  const encoded = Buffer.from(Manifest.encode(manifest).finish());
  const value = createHash("sha256").update(encoded).digest();
  return { how: { components: { $case: "manifestHash", value } }, pieces: [{ manifest: encoded, more: false }] };
}

test("sets of components that are named count as well, each once for all runs that have it", async () => {
  const sets = ["a", "b", "c"].map((letter) => named(letter.repeat(1_000_000)));
  const one = componentsOf(manifestOf("a".repeat(1_000_000)), "").bytes;
  await using executor = await start(2 * one + 20 * 2 * code.length);
  await using runs = new Runs(executor);
  expect(await runs.begin(sets[0]!.how, sets[0]!.pieces)).toBe(ACCEPTED);
  for (let n = 0; n < 15; n++) expect(await runs.begin(sets[0]!.how)).toBe(ACCEPTED);
  expect(await runs.begin(sets[1]!.how, sets[1]!.pieces)).toBe(ACCEPTED);
  expect(await runs.begin(sets[2]!.how, sets[2]!.pieces)).toBe(NO_ROOM);
  for (const stream of runs.streams.splice(0, 16)) await stream[Symbol.asyncDispose]();
  await expect.poll(() => runs.begin(sets[2]!.how, sets[2]!.pieces)).toBe(ACCEPTED);
});

test("what has come of a manifest counts before it is whole, until its stream is gone", async () => {
  await using executor = await start(1_000_000);
  await using runs = new Runs(executor);
  const { how } = named("never whole");
  const arriving = new Stream(executor.client, "greedy");
  arriving.start(code, how);
  await arriving.next("manifestWanted");
  const first = { tools: [{ ...ask, name: "first", description: "x".repeat(900_000) }], agents: [] };
  const manifest = Buffer.from(Manifest.encode(first).finish());
  arriving.send({ $case: "manifest", value: { manifest, more: true } });
  const context = { encoding: 1 as const, data: Buffer.from(encode("x".repeat(600_000))) };
  const withAsk = { context, components: { $case: "manifest", value: manifestOf("") } } as const;
  await expect.poll(() => runs.begin(withAsk)).toBe(NO_ROOM);
  await arriving[Symbol.asyncDispose]();
  await expect.poll(() => runs.begin(withAsk)).toBe(ACCEPTED);
});

test("pieces of a manifest that say nothing count as well", async () => {
  await using executor = await start(100_000);
  await using stream = new Stream(executor.client, "greedy");
  stream.start(code, named("never whole").how);
  for (let n = 0; n < 1_000; n++) {
    stream.send({ $case: "manifest", value: { manifest: Buffer.alloc(0), more: true } });
  }
  stream.call.resume();
  expect((await stream.status).code).toBe(status.RESOURCE_EXHAUSTED);
});

test("what runs hold is given back to the byte, however they come and go", () => {
  const [a, b] = ["a", "b"].map((id) => ({ id, weight: 1 }));
  const holdings = new Holdings(1_000, 2);
  const set = (bytes: number): ComponentSet => ({
    tools: new Set(),
    agents: new Set(),
    encoded: Buffer.alloc(0),
    bytes,
  });
  const shared = set(300);
  const [first, second, third] = [holdings.open(a!), holdings.open(a!), holdings.open(b!)];
  first.take(100);
  first.share(shared);
  second.share(shared);
  expect(holdings.bytes).toBe(400);
  expect(() => second.take(601)).toThrow("hold too much");
  second.take(600);
  third.take(200);
  expect(() => third.share(set(301))).toThrow("hold too much");
  third.share(set(300));
  third.give(50);
  expect(holdings.bytes).toBe(1_450);
  first[Symbol.dispose]();
  expect(holdings.bytes).toBe(1_350);
  for (const holding of [first, second, second, third]) holding[Symbol.dispose]();
  expect(holdings.bytes).toBe(0);
});

test("a message is let go when it was dealt with, also where none comes after it", async () => {
  const garbage = import.meta.resolve("./setup/collects-garbage.mjs");
  const env = { CODEMODE_EXECUTOR_WORKERS: "1", NODE_OPTIONS: `--import=${garbage}` };
  await using executor = await ChildExecutor.start(env);
  const pid = executor.child.pid!;
  const client = connect(executor.address);
  const before = residentMibOf(pid);
  const value = startOf(code, { components: { $case: "manifest", value: manifestOf("") } });
  const known = ClientMessage.encode({ event: { $case: "start", value } }).finish();
  const unknown = Buffer.alloc(3499872);
  unknown.set([0xa2, 0x06, 0xda, 0xce, 0xd5, 0x01]); // field 100, and how long it is
  const message = Buffer.concat([known, unknown]);
  for (let n = 0; n < 50; n++) {
    const stream = new Stream(client, executor.key);
    stream.sendRaw(message);
    await stream.next("call");
  }
  const grownMib = (): number => {
    process.kill(pid, "SIGUSR2");
    return residentMibOf(pid) - before;
  };
  await expect.poll(grownMib, { timeout: 20_000, interval: 500 }).toBeLessThan(64); // of 167 that have come
  client.close();
});
