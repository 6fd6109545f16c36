import { createHash } from "node:crypto";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { EventEmitter, once } from "node:events";
import { mkdtempDisposableSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { ClientHttp2Session, Http2Session, ServerHttp2Stream } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { status } from "@grpc/grpc-js";
import { readStatusDetails, toDuration } from "@codemode/proto";
import { expect, test } from "vitest";
import { decodeClientMessage } from "../executor/src/edge/decode.ts";
import { Inflow } from "../executor/src/edge/inflow.ts";
import { startInProcess, Stream } from "./executor-fixture.ts";
import {
  bearer,
  ended,
  FRAME,
  framed,
  rawCall,
  RawConnection,
  rawSession,
  rawSocket,
  startMessage,
} from "./raw-grpc.ts";
import { withAsk } from "./journal-fixture.ts";

// The rules of the edge, G1 to G11, that other tests do not show: G1 (where it listens) and the rest of G2 (the key) are in
// edge.test.ts, G3 (what a key may) in api-keys.test.ts, G7 (slow readers) in outbox.test.ts, fairness in
// fair-share.test.ts and flood.test.ts, and what hostile peers do in hostile-edge.test.ts.

const key = "a-key-of-16-chars";
const withKey = { CODEMODE_EXECUTOR_API_KEY: key };
const HEALTH = "/grpc.health.v1.Health/Check";

/** The health of an executor, asked with no key. */
async function health(session: ClientHttp2Session): Promise<number> {
  const stream = rawCall(session, { ":path": HEALTH });
  stream.end(framed(Buffer.alloc(0)));
  return (await ended(stream)).code;
}

function closed(session: ClientHttp2Session): Promise<void> {
  return new Promise((resolve) => (session.closed ? resolve() : session.once("close", () => resolve())));
}

/** The connections that calls of this process's servers came on. */
function streamsOfServers(): Disposable & { readonly sessions: ReadonlySet<Http2Session> } {
  const sessions = new Set<Http2Session>();
  const created = (message: unknown): void => {
    const { session } = (message as { readonly stream: ServerHttp2Stream }).stream;
    if (session) sessions.add(session);
  };
  subscribe("http2.server.stream.created", created);
  return { sessions, [Symbol.dispose]: () => unsubscribe("http2.server.stream.created", created) };
}

test("G2: a call without the key has none of its message read, and its stream is closed", async () => {
  await using executor = await startInProcess(withKey);
  const session = rawSession(executor.executor.address);
  const stream = rawCall(session, bearer("wrong"));
  stream.write(framed(Buffer.alloc(3 * 1024 * 1024)));
  expect((await ended(stream)).code).toBe(status.UNAUTHENTICATED);
  await new Promise((resolve) => (stream.closed ? resolve(undefined) : stream.once("close", resolve)));
  expect(JSON.stringify(executor.log)).not.toContain("ended"); // there was no session
  session.destroy();
});

test("G2: a connection that brings 100 wrong keys is closed, and another of the same peer is served", async () => {
  await using executor = await startInProcess(withKey);
  const session = rawSession(executor.executor.address);
  const wrong = () => ended(rawCall(session, bearer("wrong"), true));
  const ends = await Promise.all(Array.from({ length: 99 }, wrong));
  expect(new Set(ends.map(({ code }) => code))).toEqual(new Set([status.UNAUTHENTICATED]));
  await wrong();
  await closed(session);
  expect(await executor.run("return 1")).toMatchObject({ value: 1 });
});

test("G4: a connection is told how many streams it may have, more than are admitted", async () => {
  await using executor = await startInProcess({ CODEMODE_EXECUTOR_QUEUE: "7" });
  const session = rawSession(executor.executor.address);
  await new Promise((resolve) => session.once("remoteSettings", resolve));
  expect(session.remoteSettings.maxConcurrentStreams).toBe(1 + 7 + 64 + 1_024);
  session.destroy();
});

test("G5: a connection that says nothing is closed, while others are served", async () => {
  await using executor = await startInProcess();
  const socket = rawSocket(executor.executor.address).resume();
  const isClosed = new Promise((resolve) => socket.once("close", resolve));
  expect(await executor.run("return 1")).toMatchObject({ value: 1 });
  await isClosed;
});

test("G5: strangers make room for those who come after them, and not in place of those who have shown a key", async () => {
  await using executor = await startInProcess(withKey);
  await using run = executor.open();
  run.start("return await tools.ask()", withAsk);
  await run.next("call");
  const strangers = [];
  for (let i = 0; i < 129; i++) strangers.push(await RawConnection.open(executor.executor.address));
  await strangers[0]!.closed;
  run.answer(1, "still here");
  const { result } = await run.next("finished");
  expect(result?.$case === "value" && result.value.data.toString()).toBe('"still here"');
  for (const stranger of strangers) stranger[Symbol.dispose]();
});

test("G5: the connections of one key are bounded in number", async () => {
  await using executor = await startInProcess(withKey);
  const sessions: ClientHttp2Session[] = [];
  const info = async (): Promise<number> => {
    const session = rawSession(executor.executor.address);
    sessions.push(session);
    const stream = rawCall(session, { ":path": "/codemode.v1.ExecutorService/GetInfo", ...bearer(key) });
    stream.end(framed(Buffer.alloc(0)));
    return (await ended(stream)).code;
  };
  for (let i = 0; i < 384; i++) expect(await info()).toBe(status.OK);
  expect(await info()).not.toBe(status.OK);
  sessions[0]!.destroy();
  await expect.poll(info).toBe(status.OK);
  for (const session of sessions) session.destroy();
});

test("G5: a connection that pings without end is closed with ENHANCE_YOUR_CALM, and one that does now and then is not", async () => {
  await using executor = await startInProcess();
  using calm = await RawConnection.open(executor.executor.address);
  using flood = await RawConnection.open(executor.executor.address);
  flood.socket.cork(); // in one piece: what is written after a connection was closed resets it, and the goodbye is lost
  for (let i = 0; i < 300; i++) flood.send(FRAME.ping, 0, 0, Buffer.alloc(8));
  flood.socket.uncork();
  for (let i = 0; i < 20; i++) calm.send(FRAME.ping, 0, 0, Buffer.alloc(8));
  expect((await flood.frame(FRAME.goaway))?.payload.readUInt32BE(4)).toBe(11);
  await flood.closed;
  expect(await calm.frame(FRAME.ping)).toBeDefined();
  expect(calm.socket.closed).toBe(false);
});

test("G5: an old connection makes place for a new one: its runs end undisturbed, and none is lost on the way", async () => {
  using streams = streamsOfServers();
  await using executor = await startInProcess({
    ...withKey,
    CODEMODE_EXECUTOR_WORKERS: "2",
    CODEMODE_EXECUTOR_CONNECTION_MAX_AGE_MS: "300",
  });
  await using old = executor.open();
  old.start("return await tools.ask()", withAsk);
  await old.next("call");
  const [first] = streams.sessions;
  while (streams.sessions.size < 4) expect(await executor.run("return 1")).toMatchObject({ value: 1 });
  expect(first).toMatchObject({ closed: true, destroyed: false });
  old.answer(1, "undisturbed");
  const { result } = await old.next("finished");
  expect(result?.$case === "value" && result.value.data.toString()).toBe('"undisturbed"');
  expect((await old.status).code).toBe(status.OK);
  await expect.poll(() => first?.destroyed).toBe(true);
  using other = await RawConnection.open(executor.executor.address);
  expect((await other.frame(FRAME.goaway))?.payload.readUInt32BE(4)).toBe(0); // nothing was wrong with it
});

test("G5: a connection that has had no call for its time is closed, and one with a call that takes longer is not", async () => {
  await using executor = await startInProcess({ CODEMODE_EXECUTOR_CONNECTION_MAX_IDLE_MS: "300" });
  const session = rawSession(executor.executor.address);
  const stream = rawCall(session);
  stream.write(startMessage("return await tools.ask()", withAsk));
  await once(stream, "data");
  using idle = await RawConnection.open(executor.executor.address);
  await idle.closed;
  expect(session.closed).toBe(false);
  stream.end();
  expect((await ended(stream)).code).toBe(status.OK);
  await closed(session);
});

test("G5: a call of one message that never sends it ends DEADLINE_EXCEEDED", async () => {
  await using executor = await startInProcess(withKey);
  const session = rawSession(executor.executor.address);
  const paths = [HEALTH, "/grpc.health.v1.Health/Watch", "/codemode.v1.ExecutorService/GetInfo"];
  const ends = paths.map((path) => ended(rawCall(session, { ":path": path, ...bearer(key) })));
  for (const { code } of await Promise.all(ends)) expect(code).toBe(status.DEADLINE_EXCEEDED);
  session.destroy();
});

test("G5: probes that stay make room for those who come after them, first those of the connection that has most", async () => {
  await using executor = await startInProcess(withKey);
  const [calm, greedy] = [rawSession(executor.executor.address), rawSession(executor.executor.address)];
  const watch = (session: ClientHttp2Session) => {
    const stream = rawCall(session, { ":path": "/grpc.health.v1.Health/Watch" });
    stream.end(framed(Buffer.alloc(0)));
    return stream;
  };
  const stays = watch(calm);
  await once(stays, "data");
  const ends = Array.from({ length: 100 }, () => ended(watch(greedy)));
  expect(await ends[0]).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  expect(await health(greedy)).toBe(status.OK);
  expect(stays.closed).toBe(false);
  for (const session of [calm, greedy]) session.destroy();
});

test("G6: when the stream goes, so does the run, and its worker is free for the next", async () => {
  await using executor = await startInProcess();
  const session = rawSession(executor.executor.address);
  const stream = rawCall(session);
  stream.write(startMessage("for (;;);"));
  await new Promise((resolve) => stream.once("data", resolve));
  stream.close();
  await expect.poll(() => executor.executor.pool.lent).toBe(0);
  expect(await executor.run("return 1")).toMatchObject({ value: 1 });
  session.destroy();
});

test.each([
  ["no protobuf", Buffer.alloc(16, 0xff), "it is no ClientMessage"],
  ["a field that is cut off", Buffer.from([0x0a, 0x7f, 0x01]), "it is no ClientMessage"],
  ["text that is none", Buffer.from([0x1a, 0x03, 0x0a, 0x01, 0xff]), "its text is not UTF-8"],
  ["nothing", Buffer.alloc(0), "the message says nothing"],
  ["something unknown", Buffer.from([0x7a, 0x00]), "the message says nothing"],
])("G6: %s ends its stream alone, with INVALID_ARGUMENT and why", async (_name, bytes, why) => {
  await using executor = await startInProcess();
  await using other = executor.open();
  other.start("return await tools.ask()", withAsk);
  await other.next("call");
  const session = rawSession(executor.executor.address);
  const stream = rawCall(session);
  stream.write(framed(bytes));
  expect(await ended(stream)).toMatchObject({ code: status.INVALID_ARGUMENT, details: expect.stringContaining(why) });
  other.answer(1, 1);
  await other.next("finished");
  session.destroy();
});

test("G4: no message is unpacked, of calls that need no key either", async () => {
  await using executor = await startInProcess(withKey);
  const session = rawSession(executor.executor.address);
  const paths = [HEALTH, "/grpc.health.v1.Health/Watch", "/codemode.v1.ExecutorService/Execute"];
  for (const path of paths) {
    const stream = rawCall(session, { ":path": path, "grpc-encoding": "gzip", ...bearer(key) });
    stream.write(framed(gzipSync(Buffer.alloc(0)), true));
    expect((await ended(stream)).code).toBe(status.UNIMPLEMENTED);
  }
  session.destroy();
});

test("G4: calls of one small message take no large one", async () => {
  await using executor = await startInProcess(withKey);
  const session = rawSession(executor.executor.address);
  const almost = framed(Buffer.alloc(1_000_000)).subarray(0, -1);
  for (const path of [HEALTH, "/grpc.health.v1.Health/Watch", "/codemode.v1.ExecutorService/GetInfo"]) {
    const stream = rawCall(session, { ":path": path, ...bearer(key) });
    stream.write(almost);
    expect((await ended(stream)).code).toBe(status.RESOURCE_EXHAUSTED);
  }
  session.destroy();
});

test("G7: messages that are not whole are bounded over all streams, and the one that is too much is turned away", async () => {
  await using executor = await startInProcess();
  const session = rawSession(executor.executor.address);
  const almost = startMessage("return 1", { config: { encoding: 1, data: Buffer.alloc(4_000_000) } }).subarray(0, -1);
  const ends = Array.from({ length: 68 }, () => {
    const stream = rawCall(session);
    stream.write(almost); // 68 × 4 MB are over 256 MiB
    return ended(stream);
  });
  expect(await Promise.race(ends)).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  session.destroy();
});

test("G7: what comes of messages is counted until they are whole or their stream is gone", () => {
  const inflow = new Inflow(1, 100);
  const account = { id: "a", weight: 1 };
  const [one, two] = [new EventEmitter(), new EventEmitter()];
  let over = 0;
  const whole = inflow.watch(one as never, account, () => (over += 1));
  inflow.watch(two as never, account, () => (over += 1));
  one.emit("data", Buffer.alloc(60));
  two.emit("data", Buffer.alloc(40));
  expect(over).toBe(0);
  two.emit("data", Buffer.alloc(1));
  expect(over).toBe(1);
  whole();
  two.emit("data", Buffer.alloc(60));
  expect(over).toBe(1);
  two.emit("close");
  one.emit("data", Buffer.alloc(100));
  expect(over).toBe(1);
});

test("G8: grpc-js and Node are versions without the known crashes", () => {
  const require = createRequire(import.meta.resolve("@codemode/executor/package.json"));
  const { version } = JSON.parse(readFileSync(require.resolve("@grpc/grpc-js/package.json"), "utf8")) as {
    version: string;
  };
  const atLeast = (found: string, least: string) => found.localeCompare(least, "en", { numeric: true }) >= 0;
  expect(atLeast(version, "1.14.4")).toBe(true); // CVE-2026-48068, CVE-2026-48069
  expect(atLeast(process.versions.node, "24.14.1")).toBe(true); // CVE-2026-21714
});

test("G9: over the queue is RESOURCE_EXHAUSTED at once with RetryInfo, in the queue after its time", async () => {
  await using executor = await startInProcess({
    CODEMODE_EXECUTOR_QUEUE: "1",
    CODEMODE_EXECUTOR_QUEUE_TIMEOUT_MS: "300",
  });
  await using busy = executor.open();
  busy.start("for (;;);", {
    budgets: { wallTime: toDuration(20_000), cpuTime: toDuration(20_000), waitTime: undefined },
  });
  await busy.next("accepted");
  await using waits = executor.open();
  waits.start("return 1");
  waits.call.resume();
  await using tooMany = executor.open();
  tooMany.start("return 1");
  tooMany.call.resume();
  const first = await Promise.race([tooMany.status, waits.status]);
  expect(first).toMatchObject({ code: status.RESOURCE_EXHAUSTED, details: expect.stringContaining("1 runs wait") });
  const late = await waits.status;
  expect(late).toMatchObject({ code: status.RESOURCE_EXHAUSTED, details: expect.stringContaining("waited 300 ms") });
  for (const { metadata } of [first, late]) expect(readStatusDetails(metadata).retryAfterMs).toBeGreaterThan(0);
});

test("G9: health and cancellation are served while every worker is busy and the queue is full", async () => {
  await using executor = await startInProcess({ ...withKey, CODEMODE_EXECUTOR_QUEUE: "2" });
  const streams = Array.from({ length: 3 }, () => executor.open());
  for (const stream of streams)
    stream.start("for (;;);", {
      budgets: { wallTime: toDuration(25_000), cpuTime: toDuration(25_000), waitTime: undefined },
    });
  await streams[0]!.next("accepted");
  const session = rawSession(executor.executor.address);
  expect(await health(session)).toBe(status.OK);
  session.destroy();
  streams[2]!.send({ $case: "cancel", value: { reason: "" } }); // waits
  streams[0]!.send({ $case: "cancel", value: { reason: "" } }); // runs
  for (const index of [2, 0]) {
    const { result } = await streams[index]!.next("finished");
    expect(result).toMatchObject({ $case: "error" });
  }
  for (const stream of streams) await stream[Symbol.asyncDispose]();
});

test("G9: a key's streams and places in the queue are not taken by another key's flood", async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), "cm-"));
  const file = join(folder.path, "keys.yaml");
  const sha256 = createHash("sha256").update("b").digest("hex");
  writeFileSync(file, `keys: [{ id: a, key: a }, { id: b, sha256: ${sha256} }]`);
  await using executor = await startInProcess({ CODEMODE_EXECUTOR_API_KEYS_FILE: file, CODEMODE_EXECUTOR_QUEUE: "4" });
  const long = { budgets: { wallTime: toDuration(2_000), cpuTime: toDuration(2_000), waitTime: undefined } };
  const flood = Array.from({ length: 100 }, () => new Stream(executor.client, "a"));
  const codes: status[] = [];
  for (const stream of flood) {
    stream.start("for (;;);", long);
    stream.call.resume();
    void stream.status.then(({ code }) => codes.push(code));
  }
  await expect.poll(() => codes.filter((code) => code === status.RESOURCE_EXHAUSTED).length).toBeGreaterThanOrEqual(95);
  await using other = new Stream(executor.client, "b");
  const { value } = await other.run("return 1", {}, {});
  expect(value).toBe(1);
  for (const stream of flood) await stream[Symbol.asyncDispose]();
});

test("G10: the log has ids, sizes and kinds of a run, and nothing of its program", async () => {
  await using executor = await startInProcess(withKey);
  await executor.run("console.log('secret-log'); return await tools.ask('secret-input') + 'secret-code'", withAsk, {
    ask: () => "secret-answer",
  });
  const line = executor.log.find((entry) => "outcome" in entry);
  expect(line).toMatchObject({ apiKey: "default", outcome: "ok", codeBytes: expect.any(Number) });
  expect(JSON.stringify(executor.log)).not.toContain("secret");
  expect(JSON.stringify(executor.log)).not.toContain(key);
});

test("G10: runs that never begin are told once a second by their outcome, not one by one", async () => {
  await using executor = await startInProcess({ CODEMODE_EXECUTOR_QUEUE: "0" });
  await using busy = executor.open();
  busy.start("for (;;);");
  await busy.next("accepted");
  /** The statuses that 20 end with: three floods fit into the streams that there are. */
  const flood = async (begin: (stream: Stream) => void): Promise<status[]> => {
    const codes = Array.from({ length: 20 }, async () => {
      const stream = executor.open();
      begin(stream);
      stream.call.resume();
      return (await stream.status).code;
    });
    return [...new Set(await Promise.all(codes))];
  };
  const { RESOURCE_EXHAUSTED, INVALID_ARGUMENT, CANCELLED, OK } = status;
  const components = { $case: "manifestHash", value: Buffer.alloc(32) } as const;
  expect(await flood((stream) => stream.start("return 1"))).toEqual([RESOURCE_EXHAUSTED]);
  expect(await flood((stream) => stream.start("return 1", { executionId: "not one" }))).toEqual([INVALID_ARGUMENT]);
  const vanish = (stream: Stream): void => {
    stream.start("return 1", { components });
    setTimeout(() => stream.call.cancel(), 500);
  };
  expect(await flood(vanish)).toEqual([CANCELLED]);
  const cancel = (stream: Stream): void => {
    stream.start("return 1", { components });
    stream.send({ $case: "cancel", value: { reason: "enough" } });
  };
  expect(await flood(cancel)).toEqual([OK]);
  const log = executor.log as readonly Readonly<Record<string, unknown>>[];
  const told = () => log.filter(({ message }) => message === "runs turned away");
  const sum = (of: string) =>
    told().reduce((runs, line) => runs + (line["outcome"] === of ? Number(line["runs"]) : 0), 0);
  const outcomes = ["BUSY", "INVALID_ARGUMENT", "Cancelled"]; // the last of those that vanished, too
  await expect.poll(() => outcomes.map(sum), { timeout: 5_000 }).toEqual([20, 20, 40]);
  expect(told().length).toBeLessThan(20);
  expect(told()[0]).toMatchObject({ apiKey: expect.any(String) });
  expect(log.filter((line) => "outcome" in line)).toEqual(told());
});

test("G11: the image of an executor does not reflect", () => {
  expect(readFileSync("Dockerfile.executor", "utf8")).toMatch(/ENV .*CODEMODE_EXECUTOR_REFLECTION=false/);
});

const MIB = 1024 * 1024;

test.each([
  ["a Start of empty tools", field(1, field(7, filled(field(1))))],
  ["a Start of empty agents", field(1, field(7, filled(field(2))))],
  ["a Start with two million contexts", field(1, filled(field(9)))],
  ["two million Starts", filled(field(1))],
  ["a journal of empty calls", field(4, filled(field(1)))],
  ["a batch of empty answers", field(6, filled(field(1)))],
  ["a Start with a journal of empty calls", field(1, field(15, filled(field(1))))],
  ["two million numbers that nobody knows", filled(Buffer.from([0x78, 1]))],
])("no message holds the edge: %s", (_name, bytes) => {
  expect(bytes.length).toBeGreaterThan(4 * MIB - 100);
  const startedAt = process.cpuUsage();
  expect(() => decodeClientMessage(bytes)).toThrow("it has more than 32768 fields");
  const { user, system } = process.cpuUsage(startedAt);
  expect((user + system) / 1_000).toBeLessThan(50);
});

test.each([
  ["of eight bytes", 0x79],
  ["of four bytes", 0x7d],
])(
  "a number %s is not read beyond the message that it is in, where its fields would be counted otherwise",
  (_name, tag) => {
    const rest = Buffer.concat([Buffer.from([0x7a]), varint(3 + 4 * MIB), Buffer.alloc(3), filled(field(1))]);
    const bytes = field(4, Buffer.concat([field(1, Buffer.from([tag])), rest]));
    expect(() => decodeClientMessage(bytes)).toThrow("it is no ClientMessage");
  },
);

test("no message holds the edge: as many fields as it takes are decoded, and shortly", () => {
  const bytes = field(4, filled(field(1, Buffer.alloc(0))).subarray(0, 2 * 32_000));
  decodeClientMessage(bytes); // compiled
  const startedAt = process.cpuUsage();
  expect(decodeClientMessage(bytes).event?.$case).toBe("journal");
  const { user, system } = process.cpuUsage(startedAt);
  expect((user + system) / 1_000).toBeLessThan(100); // of CPU time: 30 ms here
});

function field(number: number, body: Buffer = Buffer.alloc(0)): Buffer {
  return Buffer.concat([varint((number << 3) | 2), varint(body.length), body]);
}

/** `unit` as often as a message of 4 MiB has room for. */
function filled(unit: Buffer): Buffer {
  return Buffer.alloc(Math.floor((4 * MIB - 32) / unit.length) * unit.length, unit);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 127) | 128);
  }
}
