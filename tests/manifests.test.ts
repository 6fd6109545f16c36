import { createHash } from "node:crypto";
import { mkdtempDisposableSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Component, Manifest, type ManifestPiece, readStatusDetails } from "@codemode/proto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Codemode, ComponentRegistry, MemoryStore, SqliteStore } from "../client/src/index.ts";
import { ComponentSet } from "../client/src/registry/component-set.ts";
import { manifestOf, WireManifest } from "../client/src/run/manifest-wire.ts";
import { componentsOf } from "../executor/src/session/manifest.ts";
import { Manifests } from "../executor/src/session/manifests.ts";
import { type Fixture, startInProcess, type Stream } from "./executor-fixture.ts";
import { gone, type Peer, startScripted } from "./scripted-executor.ts";

const MANY = 5_000;
const inputSchema = { type: "object", properties: { id: { type: "string" } }, required: ["id"] };

function many(description = "x".repeat(200)): ComponentRegistry {
  const registry = new ComponentRegistry();
  for (let index = 0; index < MANY; index++) {
    const execute = (input: unknown) => ({ index, input });
    registry.registerTool(`space${index % 50}.tool_${index}`, { description, inputSchema, execute });
  }
  return registry;
}

const registry = many();
const large = manifestOf(registry.components);
const named = { components: { $case: "manifestHash" as const, value: large.hash } };

function tell(stream: Stream, pieces: readonly ManifestPiece[]): void {
  for (const value of pieces) stream.send({ $case: "manifest", value });
}

/** A set by its hash, and in these pieces. */
function inPieces(...pieces: Uint8Array[]): { start: typeof named; pieces: ManifestPiece[] } {
  const value = createHash("sha256").update(Buffer.concat(pieces)).digest();
  return {
    start: { components: { $case: "manifestHash", value } },
    pieces: pieces.map((manifest, index) => ({ manifest: Buffer.from(manifest), more: index < pieces.length - 1 })),
  };
}

/** The set that holds these tools and agents, by its hash and in one piece. */
function setOf(manifest: Manifest): ReturnType<typeof inPieces> {
  return inPieces(Manifest.encode(manifest).finish());
}

/** A field of a message, of up to 127 bytes. */
function field(number: number, inside: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from([8 * number + 2, inside.length]), inside]);
}

/** A set of two tools as a client says it that knows more of components, and more than tools and agents. */
function newer(): Uint8Array[] {
  const add = Component.encode(component("add")).finish();
  const described = Buffer.concat([add, field(9, Buffer.from("what is new of it"))]);
  const skill = field(3, Buffer.from("what is neither tool nor agent"));
  return [field(1, described), Buffer.concat([skill, field(1, Component.encode(component("more")).finish())])];
}

function component(name: string, description = ""): Manifest["tools"][number] {
  return { name, description, inputSchemaJson: "", outputSchemaJson: "" };
}

async function refusal(stream: Stream): Promise<{ code: number; field: string | undefined }> {
  const status = await stream.status;
  return { code: status.code, field: readStatusDetails(status.metadata).field };
}

let executor: Fixture;
beforeAll(async () => {
  executor = await startInProcess({ CODEMODE_EXECUTOR_WORKERS: "2" });
});
afterAll(() => executor[Symbol.asyncDispose]());

test("components that an executor does not know are asked for, once", async () => {
  await using first = executor.open();
  first.start("return await tools.space7.tool_7({ id: 'a' })", named);
  await first.next("manifestWanted");
  expect(large.pieces().length).toBeGreaterThan(1);
  tell(first, large.pieces());
  const { seq, name } = await first.next("call");
  expect(name).toBe("space7.tool_7");
  first.answer(seq, 1);
  await first.next("finished");
  await using second = executor.open();
  second.start("return Object.keys(tools).length", named);
  await second.next("finished");
  expect(second.seen.map(({ $case }) => $case)).toEqual(["accepted", "finished"]);
});

test("components of which a client says more than an executor knows are taken, by its hash", async () => {
  const { start, pieces } = inPieces(...newer());
  await using first = executor.open();
  first.start("return Object.keys(tools)", start);
  await first.next("manifestWanted");
  tell(first, pieces);
  const { result } = await first.next("finished");
  expect(result?.$case === "value" && JSON.parse(result.value.data.toString())).toEqual(["add", "more"]);
  await using second = executor.open();
  second.start("return 1", start);
  await second.next("finished");
  expect(second.seen.map(({ $case }) => $case)).toEqual(["accepted", "finished"]);
});

test("a client sends on what another version has recorded, to the byte", () => {
  const encoded = Buffer.concat([...newer(), large.encoded]);
  const recorded = new WireManifest(encoded);
  const pieces = recorded.pieces();
  expect(Buffer.concat(pieces.map(({ manifest }) => manifest)).equals(encoded)).toBe(true);
  expect(Math.max(...pieces.map(({ manifest }) => manifest.length))).toBeLessThanOrEqual(524_288);
  expect(pieces.map(({ more }) => more).lastIndexOf(true)).toBe(pieces.length - 2);
});

test("each worker is told what its next program may call", async () => {
  const all = [large, manifestOf(new ComponentSet([...registry.components.tools.values()].slice(0, 4_000), []))];
  const counted: unknown[] = [];
  const sent = new Set<WireManifest | undefined>([large]);
  for (const wire of [...all, ...all, undefined, ...all]) {
    await using stream = executor.open();
    stream.start("return [typeof tools.space1, Object.keys(tools.space1).length, 'space49' in tools].join()", {
      ...(wire && { components: { $case: "manifestHash", value: wire.hash } }),
    });
    const isKnown = !wire || sent.has(wire);
    if (!isKnown) {
      await stream.next("manifestWanted");
      tell(stream, wire.pieces());
    }
    if (wire) sent.add(wire);
    const { result } = await stream.next("finished");
    counted.push(result?.$case === "value" && result.value.data.toString());
  }
  const [more, fewer, none] = ['"object,100,true"', '"object,80,true"', '"function,0,false"'];
  expect(counted).toEqual([more, fewer, more, fewer, none, more, fewer]);
});

test("what is no answer to the question ends the stream by the name of its field", async () => {
  const twice = setOf({ tools: [component("a"), component("a")], agents: [] });
  const other = setOf({ tools: [component("b")], agents: [] });
  const piece = (tools: Manifest["tools"], agents: Manifest["agents"] = []): ManifestPiece => ({
    manifest: Buffer.from(Manifest.encode({ tools, agents }).finish()),
    more: true,
  });
  const afterAgent = [piece([], [component("d")]), piece([component("c")])];
  const wide = (from: number) => piece(Array.from({ length: 5_000 }, (_, index) => component(`t${from + index}`)));
  const tall = (index: number) => piece([component(`big${index}`, "x".repeat(3_500_000))]);
  const unread = { manifest: Buffer.alloc(60_000, field(9, Buffer.alloc(0))), more: true }; // 30,000 fields
  const truncated = { manifest: twice.pieces[0]!.manifest.subarray(0, -1), more: true };
  const cases: [start: typeof named | object, pieces: readonly ManifestPiece[], field: string][] = [
    [{ components: { $case: "manifestHash", value: Buffer.alloc(31) } }, [], "start.manifest_hash"],
    [{}, other.pieces, "manifest"],
    [twice.start, twice.pieces, "manifest.tools[1].name"],
    [twice.start, other.pieces, "manifest"],
    [other.start, afterAgent, "manifest.tools"],
    [other.start, [0, 5_000, 10_000, 15_000, 20_000].map(wide), "manifest"],
    [other.start, Array.from({ length: 6 }, () => unread), "manifest"],
    [other.start, [truncated], "manifest"],
    [other.start, [{ manifest: Buffer.from([0, 0]), more: true }], "manifest"],
    [other.start, [0, 1, 2, 3, 4].map(tall), "manifest"],
    [other.start, [...other.pieces, ...other.pieces], "manifest"],
  ];
  const told = cases.map(async ([start, pieces]) => {
    await using stream = executor.open();
    stream.start("await new Promise((done) => setTimeout(done, 60_000))", start);
    tell(stream, pieces);
    return await refusal(stream);
  });
  expect(await Promise.all(told)).toEqual(cases.map(([, , field]) => ({ code: 3, field })));
});

test("an executor keeps so much, and the caller who holds most gives up what it has not used for longest", () => {
  const set = (bytes: number) => ({
    tools: new Set<string>(),
    agents: new Set<string>(),
    encoded: Buffer.alloc(0),
    bytes,
  });
  const hash = (value: string) => Buffer.from(value);
  const manifests = new Manifests(100);
  const [small, greedy] = [manifests.of("small"), manifests.of("greedy")];
  small.add(hash("a"), set(30));
  for (const name of ["b", "c"]) greedy.add(hash(name), set(35));
  expect([small.get(hash("a")), greedy.get(hash("b")), greedy.get(hash("c"))].every(Boolean)).toBe(true);
  expect(greedy.get(hash("a"))).toBeUndefined(); // another's
  greedy.get(hash("b"));
  greedy.add(hash("d"), set(1));
  expect([small.get(hash("a")), greedy.get(hash("b")), greedy.get(hash("d"))].every(Boolean)).toBe(true);
  expect(greedy.get(hash("c"))).toBeUndefined();
  expect(manifests.bytes).toBe(66);
});

test("a flood of small sets takes no more memory than is counted", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const bytesInUse = (): number => {
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const manifests = new Manifests();
  const fill = (from: number, names: (index: number) => string[]): void => {
    for (let index = from; index < from + 20_000; index++) {
      const manifest = Manifest.decode(
        Manifest.encode({ tools: names(index).map((name) => component(name)), agents: [] }).finish(),
      );
      const set = componentsOf(manifest, "manifest");
      expect(set.encoded.buffer.byteLength).toBe(set.encoded.length); // no slab of 8 KiB is kept for it
      manifests.of(`key-${index % 3}`).add(createHash("sha256").update(`${index}`).digest(), set);
    }
  };
  const before = bytesInUse();
  fill(0, (index) => [`t${index}`]);
  expect(manifests.sets).toBe(16_384);
  expect(bytesInUse() - before).toBeLessThan(manifests.bytes);
  fill(20_000, (index) => Array.from({ length: 40 }, (_, n) => `tool_${index}_${n}`));
  expect(manifests.bytes).toBeLessThanOrEqual(64 * 1024 * 1024);
  expect(manifests.sets).toBeLessThan(16_384);
  expect(bytesInUse() - before).toBeLessThan(manifests.bytes);
});

test("five thousand tools cross once, and a run is resumed and replayed with those that it had", async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), "codemode-manifests-"));
  const file = join(folder.path, "journal.db");
  const run =
    "const { index } = await tools.space3.tool_53({ id: 'x' }); return [index, tools.$describe('space0.tool_0').name]";
  await using client = Codemode.fromClientConfig({ registry, store: new SqliteStore(file) });
  for (let turn = 0; turn < 3; turn++) expect((await client.execute(run)).unwrap()).toEqual([53, "space0.tool_0"]);
  const document = await client.journal((await client.execute(run, { executionId: "recorded" })).executionId);
  const database = new DatabaseSync(file);
  const sizes = database.prepare("SELECT count(*) AS many, max(length(start)) AS start FROM runs").get();
  expect(sizes).toEqual({ many: 4, start: expect.any(Number) });
  expect(Number(sizes?.["start"])).toBeLessThan(2_000);
  expect(database.prepare("SELECT hash FROM manifests").all()).toEqual([{ hash: new Uint8Array(large.hash) }]);
  database.close();
  await using stranger = Codemode.fromClientConfig({});
  expect((await stranger.replay(JSON.parse(JSON.stringify(document)))).unwrap()).toEqual([53, "space0.tool_0"]);
  await using store = new SqliteStore(file);
  expect(await store.prune(new Date(Date.now() + 1_000))).toBe(4);
  const after = new DatabaseSync(file);
  expect(after.prepare("SELECT count(*) AS left FROM manifests").get()).toEqual({ left: 0 });
  after.close();
});

test("a memory store counts a manifest once for all runs that have it", async () => {
  await using store = new MemoryStore({ maxFinishedBytes: 1_500 });
  const finish = async (executionId: string, manifest: { hash: Uint8Array; encoded: Uint8Array }) => {
    const record = { executionId, fingerprint: "f", start: new Uint8Array(100), manifest, createdAt: new Date() };
    const claim = await store.claim(record, "app", 60_000);
    if (claim.kind === "owned") await store.finish(executionId, claim.fence, "");
  };
  const kept = async () => {
    const runs = await Promise.all(["a", "b", "c", "d"].map((id) => store.load(id)));
    return runs.map((found) => found !== undefined);
  };
  const shared = WireManifest.of({ tools: [component("x", "y".repeat(1_000))], agents: [] });
  for (const id of ["a", "b", "c"]) await finish(id, shared);
  expect(await kept()).toEqual([true, true, true, false]);
  await finish("d", WireManifest.of({ tools: [component("z", "y".repeat(1_000))], agents: [] }));
  expect(await kept()).toEqual([false, false, false, true]);
});

test("tools that are more than an executor takes are refused here, with their size", async () => {
  await using codemode = Codemode.fromClientConfig({ registry: many("x".repeat(4_000)) });
  await expect(codemode.execute("return 1")).rejects.toThrow(
    /^Cannot run: its 5000 tools and 0 agents take \d+ bytes .*, at most 16777216 are possible; choose some by/,
  );
  const big = new ComponentRegistry().registerTool("big", { description: "x".repeat(2 ** 20), execute: () => 1 });
  await using other = Codemode.fromClientConfig({ registry: big });
  await expect(other.execute("return 1")).rejects.toThrow(/^Cannot run: the tool "big" takes 1048579 bytes/);
});

const wanted = (peer: Peer) => peer.say({ $case: "manifestWanted", value: {} });

test.each<[what: string, act: (peer: Peer) => void, has: ComponentRegistry]>([
  ["asks for components that Start had", wanted, new ComponentRegistry()],
  ["asks for them twice", (peer) => (wanted(peer), wanted(peer)), registry],
  ["asks for them after Accepted", (peer) => (peer.accept(), wanted(peer)), registry],
])("an executor that %s does not keep to the protocol", async (_, act, has) => {
  await using scripted = await startScripted(async (peer) => {
    act(peer);
    await gone(peer);
  });
  await using codemode = Codemode.fromClientConfig({
    registry: has,
    config: { executor: { mode: "remote", url: scripted.url } },
  });
  await expect(codemode.execute("return 1")).rejects.toThrow(
    /does not keep to the protocol: it asked for the components/,
  );
});
