import { readFileSync } from "node:fs";
import type { ClientHttp2Session, ClientHttp2Stream, Settings } from "node:http2";
import type { Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { status } from "@grpc/grpc-js";
import { ClientMessage, RunErrorType, type Start, toDuration } from "@codemode/proto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isAlive, ChildExecutor, connect, startOf, Stream } from "./executor-fixture.ts";
import { descriptorsOf } from "./processes.ts";
import {
  bearer,
  closedSocket,
  END_HEADERS,
  END_STREAM,
  ended,
  FRAME,
  framed,
  rawCall,
  RawConnection,
  rawSession,
  rawSocket,
  startMessage,
} from "./raw-grpc.ts";
import { GoodRuns, GoodRunsApart, RIGHT } from "./hostile/good-runs.ts";
import { ask, noBudgets, withAsk } from "./journal-fixture.ts";

// What hostile peers do to an edge. Each case goes on beside four well-behaved runs, and these must end right.
//
// The catalogue's status is `expected`. Where our protocol says something else (PROTOCOL.md), `contract` has that and why.

const { OK, CANCELLED, INVALID_ARGUMENT, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED } = status;
const { FAILED_PRECONDITION, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, UNAUTHENTICATED } = status;
const MIB = 1024 * 1024;
const WORKERS = 3;
const QUEUE = 16;
const PATIENCE = { timeout: 90_000, interval: 500 };

interface Case {
  readonly id: string;
  readonly expected: status;
  readonly contract?: { readonly code: status; readonly because: string };
  /** What it may end as besides, where all go on at once, and why. */
  readonly crowded?: { readonly code: status; readonly because: string };
  /** What the edge may have more when the attack is over. */
  readonly keepsMib?: number;
  /** Attacks, and gives the statuses that it met. */
  readonly attack: () => Promise<readonly number[]>;
}

let executor: ChildExecutor;
let restingBytes = 0;
let restingDescriptors = 0;
/** A connection of our key on which nothing is read or written any more. */
let deaf: RawConnection;

/** Connections that cases have made, also those that were thrown out in the middle. */
const sessions = new Set<ClientHttp2Session>();

function openSession(settings?: Settings): ClientHttp2Session {
  const session = rawSession(executor.address, settings);
  sessions.add(session);
  return session;
}

const resident = (): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${executor.child.pid}/status`, "latin1"))?.[1]) * 1024;

/** Calls with our key, by a client that keeps to the rules. */
async function using<T>(body: (stream: Stream) => Promise<T>): Promise<T> {
  const client = connect(executor.address);
  try {
    await using stream = new Stream(client, executor.key);
    return await body(stream);
  } finally {
    client.close();
  }
}

/** The status after these messages. */
const after = (...events: NonNullable<ClientMessage["event"]>[]): Promise<number[]> =>
  using(async (stream) => {
    for (const event of events) stream.send(event);
    stream.call.resume();
    return [(await stream.status).code];
  });

/** The status of a call that sends these bytes, and nothing after them. */
async function sending(bytes: Buffer, headers: Record<string, string> = {}): Promise<number[]> {
  const session = openSession();
  const stream = rawCall(session, { ...bearer(executor.key), ...headers });
  stream.write(bytes);
  const { code } = await ended(stream);
  session.destroy();
  return [code];
}

/** The statuses of calls that come with these keys. */
async function presenting(...keys: (string | string[])[]): Promise<number[]> {
  const session = openSession();
  const ends = keys.map((authorization) => ended(rawCall(session, { authorization }, true)));
  const codes = (await Promise.all(ends)).map(({ code }) => code);
  session.destroy();
  return codes;
}

const packed = "no compressed message is taken: grpc-js unpacks all that came, to 4 MiB each, before one is read";
const start = (code: string, more: Partial<Start> = {}) => ({ $case: "start", value: startOf(code, more) }) as const;
const answer = (seq: number, data = Buffer.from("1")) =>
  ({
    $case: "callResult",
    value: { seq, result: { $case: "value", value: { encoding: 1, data } }, settledAt: new Date() },
  }) as const;
const request = {
  ":method": "POST",
  ":scheme": "http",
  ":authority": "localhost",
  ":path": "/codemode.v1.ExecutorService/Execute",
};

const cases: readonly Case[] = [
  {
    id: "grpc-no-auth",
    expected: UNAUTHENTICATED,
    attack: async () => {
      const session = openSession();
      const { code } = await ended(rawCall(session));
      session.destroy();
      return [code];
    },
  },
  {
    id: "grpc-bad-auth",
    expected: UNAUTHENTICATED,
    attack: async () => {
      const last = executor.key.endsWith("x") ? "y" : "x";
      const wrong = `Bearer ${executor.key.slice(0, -1)}${last}`;
      const codes = new Set<number>();
      // After 100 wrong keys a connection is closed: a stranger needs a new one.
      for (let tries = 0; tries < 10_000; tries += 100) {
        for (const code of await presenting(...Array.from({ length: 99 }, () => wrong))) codes.add(code);
      }
      return [...codes];
    },
  },
  {
    id: "grpc-auth-twice",
    expected: UNAUTHENTICATED,
    attack: async () => presenting(`Bearer ${executor.key}, Bearer ${executor.key}`),
  },
  { id: "grpc-auth-long", expected: UNAUTHENTICATED, attack: async () => presenting(`Bearer ${"x".repeat(60_000)}`) },
  { id: "grpc-big-message", expected: RESOURCE_EXHAUSTED, attack: async () => sending(framed(Buffer.alloc(5 * MIB))) },
  {
    id: "grpc-length-lie",
    expected: RESOURCE_EXHAUSTED,
    attack: async () => sending(Buffer.from([0, 0xff, 0xff, 0xff, 0xff])),
  },
  {
    id: "grpc-gzip-bomb",
    expected: RESOURCE_EXHAUSTED,
    contract: { code: UNIMPLEMENTED, because: packed },
    attack: async () => {
      const bomb = Buffer.concat(Array<Buffer>(16).fill(gzipSync(Buffer.alloc(64 * MIB))));
      return sending(framed(bomb, true), { "grpc-encoding": "gzip" });
    },
  },
  {
    id: "grpc-bad-gzip",
    expected: INTERNAL,
    contract: { code: UNIMPLEMENTED, because: packed },
    attack: async () => sending(framed(Buffer.alloc(1_000, 7), true), { "grpc-encoding": "gzip" }),
  },
  {
    id: "grpc-malformed-start",
    expected: INTERNAL,
    attack: async () => {
      const session = openSession();
      const odd = await ended(rawCall(session, { ...bearer(executor.key), ":path": "x" }, true));
      session.destroy();
      using missing = await RawConnection.open(executor.address);
      missing.open({ ":method": "POST", "content-type": "application/grpc" });
      const reset = await missing.frame(FRAME.reset);
      return reset ? [odd.code] : [odd.code, UNAVAILABLE];
    },
  },
  {
    id: "grpc-bad-proto",
    expected: INVALID_ARGUMENT,
    attack: async () => {
      const codes = new Set(await sending(framed(Buffer.alloc(64, 0xfb))));
      const session = openSession();
      const good = ClientMessage.encode({ event: start("return 1", { attempt: 0 }) }).finish(); // runs nothing, even whole
      for (let tries = 0; tries < 10_000; tries += 100) {
        const streams = Array.from({ length: 20 }, () => rawCall(session, bearer(executor.key)));
        for (const [index, stream] of streams.entries()) {
          for (let i = 0; i < 5; i++) stream.write(framed(mutated(good, tries + 5 * index + i)));
        }
        for (const { code } of await Promise.all(streams.map(ended))) codes.add(code);
        for (const stream of streams) stream.close();
      }
      session.destroy();
      return [...codes];
    },
  },
  {
    id: "grpc-first-not-start",
    expected: FAILED_PRECONDITION,
    contract: { code: INVALID_ARGUMENT, because: "a message out of order, which PROTOCOL.md counts there" },
    attack: async () => after(answer(1)),
  },
  {
    id: "grpc-second-start",
    expected: FAILED_PRECONDITION,
    contract: { code: INVALID_ARGUMENT, because: "a message out of order, which PROTOCOL.md counts there" },
    attack: async () => after(start("return await tools.ask()", withAsk), start("return 2")),
  },
  {
    id: "grpc-result-unknown-id",
    expected: INVALID_ARGUMENT,
    attack: async () =>
      using(async (stream) => {
        stream.start("return await tools.ask()", withAsk);
        await stream.next("call");
        stream.send(answer(7));
        stream.call.resume();
        return [(await stream.status).code];
      }),
  },
  {
    id: "grpc-result-twice",
    expected: INVALID_ARGUMENT,
    attack: async () =>
      using(async (stream) => {
        stream.start("await tools.ask(); await tools.ask()", withAsk);
        await stream.next("call");
        stream.send(answer(1));
        stream.send(answer(1));
        stream.call.resume();
        return [(await stream.status).code];
      }),
  },
  {
    id: "grpc-result-other-stream",
    expected: INVALID_ARGUMENT,
    attack: async () =>
      using(async (one) => {
        one.start("return await tools.ask()", withAsk);
        await one.next("call");
        const codes = await using(async (other) => {
          other.start("for (;;);", { budgets: { ...noBudgets, wallTime: toDuration(2_000) } });
          await other.next("accepted");
          other.send(answer(1));
          other.call.resume();
          return [(await other.status).code];
        });
        one.answer(1, "its own");
        const { result } = await one.next("finished");
        expect(result?.$case === "value" && result.value.data.toString()).toBe('"its own"');
        return codes;
      }),
  },
  {
    id: "grpc-result-huge",
    expected: RESOURCE_EXHAUSTED,
    contract: {
      code: OK,
      because: "answers have a budget each and calls one of their number; what is kept is bounded",
    },
    attack: async () =>
      using(async (stream) => {
        const data = Buffer.from(`"${"x".repeat(MIB - 2)}"`);
        stream.start("for (let i = 0; i < 100; i++) await tools.ask(); return 1", withAsk);
        for (let seq = 1; seq <= 100; seq++) {
          await stream.next("call");
          stream.send(answer(seq, data));
        }
        await stream.next("finished");
        return [(await stream.status).code];
      }),
  },
  {
    id: "grpc-start-hostile-names",
    expected: INVALID_ARGUMENT,
    attack: async () => {
      // Dots make namespaces here, and 5,000 tools are allowed.
      const names = ["__proto__", "constructor", "then", "", "a\u0000b", ".a", "a.then", "x".repeat(10_000)];
      const codes: number[] = [];
      for (const list of [...names.map((name) => [name]), ["a", "a"]]) {
        const tools = list.map((name) => ({ ...ask, name }));
        const components = { $case: "manifest" as const, value: { tools, agents: [] } };
        codes.push(...(await after(start("return 1", { components }))));
      }
      return codes;
    },
  },
  {
    id: "grpc-limits-over-max",
    expected: INVALID_ARGUMENT,
    attack: async () => {
      const asked = [
        { wallTime: toDuration(1e12) },
        { heapBytes: 2n ** 40n },
        { wallTime: toDuration(-1) },
        { wallTime: { seconds: 2n ** 62n, nanos: -1 } },
        { calls: 2 ** 32 - 1 },
      ];
      const codes: number[] = [];
      for (const budgets of asked) {
        codes.push(...(await after(start("return 1", { budgets: { ...noBudgets, ...budgets } }))));
      }
      return codes;
    },
  },
  {
    id: "grpc-no-deadline",
    expected: DEADLINE_EXCEEDED,
    attack: async () => sending(Buffer.alloc(0)),
  },
  {
    id: "grpc-half-close",
    expected: CANCELLED,
    contract: { code: OK, because: "the outcome Cancelled is a Finished, and the stream then ends OK" },
    attack: async () =>
      using(async (stream) => {
        stream.start("return await tools.ask()", withAsk);
        await stream.next("call");
        stream.call.end();
        const { result } = await stream.next("finished");
        expect(result).toMatchObject({ $case: "error", value: { type: RunErrorType.RUN_ERROR_TYPE_CANCELLED } });
        return [(await stream.status).code];
      }),
  },
  {
    id: "grpc-reset-mid-run",
    expected: CANCELLED,
    attack: async () => {
      const codes: number[] = [];
      for (const code of ["for (;;);", "return await tools.ask()", undefined]) {
        await using(async (stream) => {
          if (code !== undefined) {
            stream.start(code, withAsk);
            await stream.next(code.includes("ask") ? "call" : "accepted");
          }
          stream.call.cancel();
          codes.push((await stream.status).code);
        });
      }
      return codes;
    },
  },
  {
    id: "grpc-connection-drop",
    expected: UNAVAILABLE,
    attack: async () => {
      const session = openSession();
      const streams = Array.from({ length: 10 }, () => rawCall(session, bearer(executor.key)));
      for (const stream of streams) stream.write(startMessage("for (;;);"));
      const ends = streams.map(ended);
      const accepted = streams.map((stream) => new Promise((resolve) => stream.once("data", resolve)));
      await Promise.race([...accepted, Promise.all(ends)]);
      session.destroy(new Error("killed"));
      return [...new Set((await Promise.all(ends)).map(({ code }) => code))];
    },
  },
  {
    id: "grpc-slow-reader",
    expected: RESOURCE_EXHAUSTED,
    keepsMib: 64,
    attack: async () => {
      const session = openSession({ initialWindowSize: 1_000 });
      const stream = rawCall(session, bearer(executor.key));
      const budgets = { ...noBudgets, wallTime: toDuration(1_000), callsInFlight: 1_024, argumentBytes: BigInt(MIB) };
      const flood =
        "const x = 'x'.repeat(500_000); for (;;) { console.log(x.slice(0, 900)); tools.ask({ x }).catch(() => {}) }";
      stream.write(startMessage(flood, { ...withAsk, budgets }));
      await new Promise((resolve) => stream.once("close", resolve)); // it is never read
      const { code } = await ended(stream);
      session.destroy();
      return [code];
    },
  },
  {
    id: "grpc-slow-writer",
    expected: DEADLINE_EXCEEDED,
    attack: async () => {
      const session = openSession();
      const stream = rawCall(session, bearer(executor.key));
      const message = startMessage("return 1");
      let at = 0;
      const drip = setInterval(() => stream.writable && stream.write(message.subarray(at, ++at)), 500);
      const { code } = await ended(stream);
      clearInterval(drip);
      session.destroy();
      return [code];
    },
  },
  {
    id: "grpc-tiny-frames",
    expected: OK,
    crowded: {
      code: DEADLINE_EXCEEDED,
      because: "400,000 frames take longer than a Start may, when others want their turn",
    },
    attack: async () => {
      using connection = await RawConnection.open(executor.address);
      connection.open({ ...request, te: "trailers", "content-type": "application/grpc", ...bearer(executor.key) });
      const budgets = { ...noBudgets, codeBytes: BigInt(MIB) };
      await connection.drip(startMessage(`return 1 //${"x".repeat(400_000)}`, { budgets }));
      const answer = await connection.frame(FRAME.headers);
      if (!answer) return [UNAVAILABLE];
      if ((answer.flags & END_STREAM) !== 0) return [statusIn(answer.payload)];
      expect(await connection.frame(FRAME.data)).toBeDefined(); // Accepted
      return [OK];
    },
  },
  {
    id: "grpc-many-streams",
    expected: RESOURCE_EXHAUSTED,
    attack: async () => {
      const session = openSession();
      const streams: ClientHttp2Stream[] = [];
      const ends = Array.from({ length: 5_000 }, () => {
        const stream = rawCall(session, bearer(executor.key));
        streams.push(stream);
        return ended(stream);
      });
      const first = await Promise.race(ends);
      for (const stream of streams) stream.close();
      session.destroy();
      return [first.code];
    },
  },
  {
    id: "grpc-rapid-reset",
    expected: UNAVAILABLE,
    attack: async () => {
      const session = openSession();
      let resets = 0;
      const flood = async (): Promise<void> => {
        while (!session.destroyed && !session.closed) {
          for (let i = 0; i < 100 && !session.closed; i++, resets++) rawCall(session, bearer(executor.key)).close(8);
          await new Promise((resolve) => setImmediate(resolve));
        }
      };
      await flood(); // until the executor has closed the connection
      expect(resets).toBeLessThan(200_000); // a few thousand alone; in a crowd it is some time before anybody is heard
      return [UNAVAILABLE];
    },
  },
  {
    id: "grpc-idle-tcp",
    expected: OK,
    attack: async () => {
      const sockets: Socket[] = [];
      while (sockets.length < 2_000) {
        const few = Array.from({ length: 50 }, () => rawSocket(executor.address)); // the kernel has a queue of its own
        await Promise.all(
          few.map(
            (socket) => new Promise<void>((resolve) => socket.once("connect", resolve).once("close", () => resolve())),
          ),
        );
        sockets.push(...few);
      }
      // When most of them are closed the edge has seen them all, and the kernel's queue is empty again.
      await expect
        .poll(() => sockets.filter((socket) => socket.resume().closed).length, PATIENCE)
        .toBeGreaterThan(1_500);
      const codes = await using(async (stream) => {
        const { error } = await stream.run("return 1", {}, {});
        expect(error).toBeUndefined();
        return [(await stream.status).code];
      }).catch(pushedOut);
      await Promise.all(sockets.map((socket) => closedSocket(socket.resume())));
      return codes;
    },
  },
  {
    id: "grpc-ping-flood",
    expected: UNAVAILABLE,
    attack: async () => {
      using connection = await RawConnection.open(executor.address);
      for (let i = 0; i < 1_000; i++) connection.send(FRAME.ping, 0, 0, Buffer.alloc(8));
      await connection.closed;
      return [UNAVAILABLE];
    },
  },
  {
    id: "grpc-window-update-zero",
    expected: UNAVAILABLE,
    attack: async () => {
      using connection = await RawConnection.open(executor.address);
      const most = Buffer.from([0x7f, 0xff, 0xff, 0xff]);
      for (let i = 0; i < 2; i++) connection.send(FRAME.windowUpdate, 0, 0, most);
      await connection.closed;
      return [UNAVAILABLE];
    },
  },
  {
    id: "grpc-queue-full",
    expected: RESOURCE_EXHAUSTED,
    attack: async () => {
      const session = openSession();
      const streams = Array.from({ length: WORKERS + QUEUE + 20 }, () => rawCall(session, bearer(executor.key)));
      const budgets = { ...noBudgets, wallTime: toDuration(500) };
      for (const stream of streams) stream.write(startMessage("for (;;);", { budgets }));
      const first = await Promise.race(streams.map(ended));
      session.destroy();
      return [first.code];
    },
  },
  {
    id: "grpc-reflection",
    expected: UNIMPLEMENTED,
    attack: async () => {
      const session = openSession();
      const paths = [
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        "/grpc.channelz.v1.Channelz/GetServers",
        "/codemode.v1.ExecutorService/Nothing",
      ];
      const ends = paths.map((path) => ended(rawCall(session, { ...bearer(executor.key), ":path": path }, true)));
      const codes = (await Promise.all(ends)).map(({ code }) => code);
      session.destroy();
      return codes;
    },
  },
  {
    id: "grpc-error-detail",
    expected: INTERNAL,
    contract: { code: OK, because: "a program that wrecks its worker is the outcome of a run, a Finished" },
    attack: async () =>
      using(async (stream) => {
        stream.start('return "x".repeat(2 ** 28 + 1).split("")');
        const { result } = await stream.next("finished");
        const said = result?.$case === "error" ? result.value.message : "";
        expect(said).not.toBe("");
        expect(said).not.toMatch(/\/|\d{3,}|node:|\bat /);
        return [(await stream.status).code];
      }),
  },
];

describe("beside four well-behaved runs", () => {
  beforeAll(async () => {
    await startEdge("45s"); // pings take 40 s to tell
    deaf = await RawConnection.open(executor.address);
    deaf.open({ ...request, "content-type": "application/grpc", ...bearer(executor.key) }, END_HEADERS | END_STREAM);
  });
  afterAll(async () => {
    deaf?.[Symbol.dispose]();
    await executor?.[Symbol.asyncDispose]();
  });

  test.each(cases)("$id", async ({ expected, contract, keepsMib = Infinity, attack }) => {
    const before = resident();
    const codes = await wellBehaved(attack);
    expect((resident() - before) / MIB).toBeLessThan(keepsMib);
    expect(new Set(codes)).toEqual(new Set([contract?.code ?? expected]));
    expect(isAlive(executor.child.pid!)).toBe(true);
  });

  test("and a peer that answers no ping is gone, however well it is known", async () => {
    expect(await deaf.frame(FRAME.ping)).toBeDefined();
    await deaf.closed;
  });

  test("and the edge holds what it held before, near enough", expectPeace);

  test("all at once, and again: each ends as it does alone, or is pushed out by the others", async () => {
    await executor[Symbol.asyncDispose]();
    await startEdge("2s"); // a client that is pushed out forgets connections, and the edge is to close them soon
    for (let round = 0; round < 2; round++) {
      const attacks = async () => Promise.all(cases.map(async ({ attack }) => attack().catch(pushedOut)));
      const met = await wellBehaved(attacks, true);
      const wrong = cases.flatMap(({ id, expected, contract, crowded }, index) => {
        const allowed = new Set([contract?.code ?? expected, RESOURCE_EXHAUSTED, UNAVAILABLE, crowded?.code]);
        const others = met[index]!.filter((code) => !allowed.has(code));
        return others.length > 0 ? [`${id}: ${others.join()}`] : [];
      });
      expect(wrong).toEqual([]);
      expect(isAlive(executor.child.pid!)).toBe(true);
      await expectPeace();
    }
  }, 300_000);
});

/** An executor that closes a connection with no call on it after `maxIdle`. */
async function startEdge(maxIdle: string): Promise<void> {
  executor = await ChildExecutor.start({
    CODEMODE_EXECUTOR_WORKERS: String(WORKERS),
    CODEMODE_EXECUTOR_QUEUE: String(QUEUE),
    CODEMODE_EXECUTOR_REFLECTION: "false",
    CODEMODE_EXECUTOR_CONNECTION_MAX_IDLE_MS: maxIdle,
    NODE_OPTIONS: `--import=${import.meta.resolve("./setup/collects-garbage.mjs")}`,
  });
  await wellBehaved(async () => {});
  restingBytes = resident();
  restingDescriptors = descriptorsOf(executor.child.pid!);
}

const GRPC_STATUS = Buffer.from("889acac8b21234da8f01", "hex"); // packed, as a name always is; its one digit is not

/**
 * Nothing is left of those who came. What they filled becomes garbage and then empty pages, and V8 keeps both until it has a
 * reason to collect: 190 MiB were measured after a crowd, with 20 in use, and no more after five. So it is told to collect.
 */
async function expectPeace(): Promise<void> {
  for (const session of sessions) session.destroy();
  sessions.clear();
  await expect.poll(() => descriptorsOf(executor.child.pid!), PATIENCE).toBeLessThanOrEqual(restingDescriptors);
  const keptMib = (): number => {
    executor.child.kill("SIGUSR2");
    return (resident() - restingBytes) / MIB;
  };
  await expect.poll(keptMib, PATIENCE).toBeLessThan(64);
}

/** The status in headers that end a stream. */
function statusIn(headers: Buffer): number {
  const at = headers.indexOf(GRPC_STATUS);
  return at < 0 ? NaN : Number(headers.toString("latin1", at + GRPC_STATUS.length, at + GRPC_STATUS.length + 1));
}

/** A connection that was not taken, or has made place for another: what a client is told is UNAVAILABLE. */
const NO_CONNECTION = new Set<unknown>(["EAGAIN", "ERR_HTTP2_INVALID_SESSION", "ERR_HTTP2_GOAWAY_SESSION"]);

/** What a case meets that others push out, before it has met its own end or on the way there. */
function pushedOut(error: unknown): number[] {
  const { code } = error as { readonly code?: unknown };
  if (typeof code === "number") return [code];
  if (NO_CONNECTION.has(code)) return [UNAVAILABLE];
  throw error;
}

/** Does `body` while four runs go on that began before it, and end after it; `apart` where this process is too busy for them. */
async function wellBehaved<T>(body: () => Promise<T>, apart = false): Promise<T> {
  const runs = await (apart ? GoodRunsApart : GoodRuns).begin(executor.address, executor.key);
  const met = await body();
  expect(await runs.end()).toEqual(Array(4).fill(RIGHT));
  return met;
}

/** `bytes` with a few of them changed, cut or doubled, the same way for the same `seed`. */
function mutated(bytes: Uint8Array, seed: number): Buffer {
  const out = Buffer.from(bytes);
  let state = seed * 2_654_435_761 + 1;
  const next = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state % below;
  };
  for (let i = 0; i <= next(4); i++) out[next(out.length)] = next(256);
  return next(2) === 0 ? out.subarray(0, 1 + next(out.length)) : out;
}
