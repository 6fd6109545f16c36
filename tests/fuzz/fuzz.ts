import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectSecurely } from "node:tls";
import { Certificates } from "../certificates.ts";
import { ChildExecutor, isAlive, Stream, unary } from "../executor-fixture.ts";
import { ExecutorServiceClient, type GetInfoResponse } from "@codemode/proto";
import { credentials, Metadata } from "@grpc/grpc-js";
import { descriptorsOf, residentMibOf } from "../processes.ts";
import { clientHello, wrongHandshake } from "./handshake.ts";
import { rawSocket } from "../raw-grpc.ts";
import { Answers } from "./http2.ts";
import { type Pause, type Piece, type Script, scriptOf } from "./script.ts";

/** What to send. */
export interface Batch {
  /** Of the first connection; the others have the seeds after it. */
  readonly seed: number;
  /** At least so many wrong frames and messages, of those that were written. */
  readonly wrong: number;
  /** Connections at a time. */
  readonly width: number;
  /** Over TLS, and some that are wrong before they are. */
  readonly isSecure?: boolean;
}

/** What came of it. */
export interface Report {
  readonly failures: readonly string[];
  readonly tally: Readonly<
    Record<"connections" | "frames" | "wrong" | "streams" | "neighbourRuns" | "residentMib" | "grownMib", number>
  >;
}

const ANSWER_WITHIN_MS = 20_000; // the executor waits 5 s for a Start that does not come
const PAUSE_MS = 500; // what was said wrong may be waited for without end, on both sides
const SETTLE_WITHIN_MS = 30_000;
const MAX_GROWTH_MIB = 64; // in the second half: a heap that nobody needs is collected late
const HANDSHAKES = 5; // one of so many connections is wrong before it is one
export const KEY = "fuzz-key";

/** Sends wrong frames and messages to an executor process of its own, beside a client that behaves well. */
export async function fuzz({ seed, wrong, width, isSecure = false }: Batch): Promise<Report> {
  const tally = {
    connections: 0,
    frames: 0,
    wrong: 0,
    streams: 0,
    neighbourRuns: 0,
    residentMib: 0,
    grownMib: 0,
  };
  const failures: string[] = [];
  const fail = (at: number, what: string) => failures.push(`FUZZ_SEED=${at} FUZZ_FRAMES=1: ${what}`);
  using certificates = isSecure ? await Certificates.make() : undefined;
  const secure = certificates && { ...certificates.server, CODEMODE_EXECUTOR_LISTEN: "127.0.0.1:0" };
  const settings = { CODEMODE_EXECUTOR_LOG_LEVEL: "error", ...secure };
  await using executor = await ChildExecutor.start(settings, KEY);
  const ca = certificates && readFileSync(certificates.path("ca"));
  const hello = await clientHello();
  const neighbour = new Neighbour(executor, ca);
  const pid = executor.child.pid ?? 0;
  await neighbour.begun;
  const before = descriptorsOf(pid);
  const open = new Set<number>();
  let next = seed;
  let warm = 0;

  const sendAll = async (): Promise<void> => {
    while (tally.wrong < wrong && isAlive(pid) && failures.length < 20) {
      const at = next++;
      const isHandshake = isSecure && at % HANDSHAKES === 0;
      const script = isHandshake ? wrongHandshake(at, hello) : scriptOf(at, KEY);
      open.add(at);
      const { unanswered, written } = await send(
        script,
        isHandshake ? rawSocket(executor.address) : socketOf(executor.address, ca),
      );
      open.delete(at);
      if (unanswered.length > 0 && isAlive(pid)) fail(at, `streams ${unanswered.join(", ")} have not ended`);
      tally.connections += 1;
      if (!isHandshake) tally.frames += written.length;
      tally.wrong += written.filter(({ isWrong }) => isWrong).length;
      tally.streams += script.streams.length;
      if (warm === 0 && tally.wrong > wrong / 2) warm = residentMibOf(pid);
    }
  };
  await Promise.all(Array.from({ length: width }, sendAll));
  if (!isAlive(pid)) fail(Math.min(...open, next), `the executor died; connections open: ${[...open].join(", ")}`);
  else {
    const left = () => descriptorsOf(pid) - before;
    const settled = await becomes(async () => (await neighbour.inFlight()) <= 1 && left() <= 0);
    if (!settled) fail(seed, `left: ${await neighbour.inFlight()} runs, ${left()} descriptors`);
    const grown = () => residentMibOf(pid) - warm;
    if (!(await becomes(async () => grown() < MAX_GROWTH_MIB))) fail(seed, `it has grown by ${grown()} MiB`);
    tally.residentMib = residentMibOf(pid);
    tally.grownMib = grown();
  }
  for (const problem of await neighbour.stop()) fail(seed, problem);
  return { failures, tally: { ...tally, neighbourRuns: neighbour.runs } };
}

/** A connection as it should be; over TLS by this authority. */
function socketOf(address: string, ca?: Buffer): Socket {
  if (!ca) return rawSocket(address);
  const [host, port] = address.split(":");
  return connectSecurely({ host, port: Number(port), ca, servername: "localhost", ALPNProtocols: ["h2"] });
}

/** What came back. */
interface Sent {
  readonly answers: Answers;
  /** Streams that have not ended, on a connection that has not either. */
  readonly unanswered: readonly number[];
  /** What the socket has taken: a connection may end before its script. */
  readonly written: readonly Piece[];
}

/** Sends a script, and waits until its streams have ended or the connection has. Takes `socket`. */
export async function send({ frames, streams }: Script, socket: Socket): Promise<Sent> {
  const answers = new Answers();
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  const answered = Promise.withResolvers<void>();
  const isAnswered = () => streams.every((stream) => answers.ended.has(stream));
  socket.on("error", () => {}); // it may hang up on us
  socket.on("data", (chunk: Buffer) => {
    answers.push(chunk);
    if (isAnswered()) answered.resolve();
  });
  const hears = ({ stream, until, times }: Pause): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = (): void => {
      const heard = answers.said(stream).filter((said) => said === until);
      if (heard.length >= times || answers.ended.has(stream)) resolve();
    };
    look();
    socket.on("data", look);
    const timer = setTimeout(resolve, PAUSE_MS);
    return Promise.race([promise, closed]).finally(() => (clearTimeout(timer), socket.off("data", look)));
  };
  const written: Piece[] = [];
  for (const frame of frames) {
    if ("until" in frame) await hears(frame);
    else if (await write(socket, frame.bytes)) written.push(frame);
  }
  if (streams.length === 0) answered.resolve();
  const timer = setTimeout(answered.resolve, ANSWER_WITHIN_MS);
  await Promise.race([answered.promise, closed]);
  clearTimeout(timer);
  const unanswered = socket.closed ? [] : streams.filter((stream) => !answers.ended.has(stream));
  socket.destroy();
  await closed;
  return { answers, unanswered, written };
}

/** Tells whether the socket has taken them. */
async function write(socket: Socket, bytes: Buffer): Promise<boolean> {
  if (!socket.writable || bytes.length === 0) return false;
  return new Promise((resolve) => socket.write(bytes, (error) => resolve(!error)));
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

  constructor({ address, key }: ChildExecutor, ca?: Buffer) {
    const options = { "grpc.use_local_subchannel_pool": 1, "grpc.ssl_target_name_override": "localhost" };
    const trust = ca ? credentials.createSsl(ca) : credentials.createInsecure();
    this.#client = new ExecutorServiceClient(address, trust, options);
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
        stream.call.end(); // one that is left without it is reset, and nghttp2 hangs up on who resets many
        await stream.status;
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
