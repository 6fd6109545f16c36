import { connect as connectTo, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { ChildExecutor, connect, isAlive, Stream, unary } from "../executor-fixture.ts";
import type { GetInfoResponse } from "@codemode/proto";
import { Metadata } from "@grpc/grpc-js";
import { descriptorsOf, residentMibOf } from "../processes.ts";
import { Ends } from "./http2.ts";
import { type Script, scriptOf } from "./script.ts";

/** What to send. */
export interface Batch {
  /** Of the first connection; the others have the seeds after it. */
  readonly seed: number;
  /** At least so many frames and messages. */
  readonly frames: number;
  /** Connections at a time. */
  readonly width: number;
}

/** What came of it. */
export interface Report {
  readonly failures: readonly string[];
  readonly tally: Readonly<
    Record<"connections" | "frames" | "streams" | "neighbourRuns" | "residentMib" | "grownMib", number>
  >;
}

const ANSWER_WITHIN_MS = 20_000; // the executor waits 5 s for a Start that does not come
const SETTLE_WITHIN_MS = 30_000;
const MAX_GROWTH_MIB = 64; // in the second half: a heap that nobody needs is collected late
export const KEY = "fuzz-key";

/** Sends wrong frames and messages to an executor process of its own, beside a client that behaves well. */
export async function fuzz({ seed, frames, width }: Batch): Promise<Report> {
  const tally = { connections: 0, frames: 0, streams: 0, neighbourRuns: 0, residentMib: 0, grownMib: 0 };
  const failures: string[] = [];
  const fail = (at: number, what: string) => failures.push(`FUZZ_SEED=${at} FUZZ_FRAMES=1: ${what}`);
  await using executor = await ChildExecutor.start({ CODEMODE_EXECUTOR_LOG_LEVEL: "error" }, KEY);
  const neighbour = new Neighbour(executor);
  const pid = executor.child.pid ?? 0;
  await neighbour.begun;
  const before = descriptorsOf(pid);
  const open = new Set<number>();
  let next = seed;
  let warm = 0;

  const sendAll = async (): Promise<void> => {
    while (tally.frames < frames && isAlive(pid) && failures.length < 20) {
      const at = next++;
      const script = scriptOf(at, KEY);
      open.add(at);
      const unanswered = await send(script, executor.address.slice("unix:".length));
      open.delete(at);
      if (unanswered.length > 0 && isAlive(pid)) fail(at, `streams ${unanswered.join(", ")} have not ended`);
      tally.connections += 1;
      tally.frames += script.frames.length;
      tally.streams += script.streams.length;
      if (warm === 0 && tally.frames > frames / 2) warm = residentMibOf(pid);
    }
  };
  await Promise.all(Array.from({ length: width }, sendAll));
  if (!isAlive(pid)) fail(Math.min(...open, next), `the executor died; connections open: ${[...open].join(", ")}`);
  else {
    const settled = await becomes(async () => (await neighbour.inFlight()) <= 1 && descriptorsOf(pid) <= before);
    if (!settled) fail(seed, `left: ${await neighbour.inFlight()} runs, ${descriptorsOf(pid) - before} descriptors`);
    const grown = () => residentMibOf(pid) - warm;
    if (!(await becomes(async () => grown() < MAX_GROWTH_MIB))) fail(seed, `it has grown by ${grown()} MiB`);
    tally.residentMib = residentMibOf(pid);
    tally.grownMib = grown();
  }
  for (const problem of await neighbour.stop()) fail(seed, problem);
  return { failures, tally: { ...tally, neighbourRuns: neighbour.runs } };
}

/** Sends a script, and waits until its streams have ended or the connection has. Tells which streams have not. */
export async function send({ frames, streams }: Script, path: string): Promise<number[]> {
  const socket = connectTo(path);
  const ends = new Ends();
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  const answered = Promise.withResolvers<void>();
  const isAnswered = () => streams.every((stream) => ends.streams.has(stream));
  socket.on("error", () => {}); // it may hang up on us
  socket.on("data", (chunk: Buffer) => {
    ends.push(chunk);
    if (isAnswered()) answered.resolve();
  });
  for (const frame of frames) await write(socket, frame);
  if (streams.length === 0) answered.resolve();
  const timer = setTimeout(answered.resolve, ANSWER_WITHIN_MS);
  await Promise.race([answered.promise, closed]);
  clearTimeout(timer);
  const unanswered = socket.closed ? [] : streams.filter((stream) => !ends.streams.has(stream));
  socket.destroy();
  await closed;
  return unanswered;
}

async function write(socket: Socket, bytes: Buffer): Promise<void> {
  if (socket.writable) await new Promise((resolve) => socket.write(bytes, resolve));
}

/** A client that does nothing wrong, and whose runs must all end right. */
class Neighbour {
  runs = 0;
  readonly #client;
  readonly #key: string;
  /** Resolves when its first run has ended. */
  readonly begun: Promise<void>;
  readonly #begun = Promise.withResolvers<void>();
  readonly #problems: string[] = [];
  readonly #running: Promise<void>;
  #isStopped = false;

  constructor({ address, key }: ChildExecutor) {
    this.#client = connect(address);
    this.#key = key;
    this.begun = this.#begun.promise;
    this.#running = this.#run();
  }

  /** Runs that the executor has now, its own included. */
  async inFlight(): Promise<number> {
    const metadata = new Metadata();
    metadata.set("authorization", `Bearer ${this.#key}`);
    const { inFlight } = await unary<GetInfoResponse>((reply) => this.#client.getInfo({}, metadata, reply));
    return inFlight;
  }

  /** Ends it, and tells what went wrong for it. */
  async stop(): Promise<readonly string[]> {
    this.#isStopped = true;
    await this.#running;
    this.#client.close();
    return this.#runs();
  }

  #runs(): readonly string[] {
    return this.runs > 0 ? this.#problems : [...this.#problems, "the neighbour has had no run"];
  }

  async #run(): Promise<void> {
    const add = ({ a, b }: { a: number; b: number }) => a + b;
    while (!this.#isStopped && this.#problems.length === 0) {
      const n = this.runs;
      try {
        await using stream = new Stream(this.#client, this.#key);
        const { value } = await stream.run(`return await tools.add({ a: ${n}, b: 1 })`, {}, { add });
        if (value !== n + 1) this.#problems.push(`the neighbour's run ${n} came to ${JSON.stringify(value)}`);
      } catch (error) {
        this.#problems.push(`the neighbour's run ${n} failed: ${String(error)}`);
      }
      this.runs += 1;
      this.#begun.resolve();
    }
  }
}

async function becomes(holds: () => Promise<boolean>): Promise<boolean> {
  const due = performance.now() + SETTLE_WITHIN_MS;
  while (performance.now() < due) {
    if (await holds()) return true;
    await sleep(50);
  }
  return false;
}
