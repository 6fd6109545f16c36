import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempDisposableSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import type { Duplex, Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { type ClientDuplexStream, credentials, Metadata, type ServiceError, type StatusObject } from "@grpc/grpc-js";
import {
  CallKind,
  type ClientMessage,
  type ExecutorMessage,
  ExecutorServiceClient,
  ExecutorServiceService,
  Start,
} from "@codemode/proto";
import { decode, encode } from "@codemode/proto/values";
import { loadConfig } from "../executor/src/config/config.ts";
import { type Executor, type Parts, startExecutor } from "../executor/src/executor.ts";
import { Keep } from "../executor/src/session/keep.ts";

const main = fileURLToPath(new URL("../executor/src/main.ts", import.meta.url));

type Received = NonNullable<ExecutorMessage["event"]>;
type Kind = Received["$case"];
/** What a message of this kind holds; a mapped type, because the compiler cannot see through Extract of a parameter. */
type Said<K extends Kind> = { [R in Received as R["$case"]]: R["value"] }[K];

/** An executor in this process, on a free port. Disposal fails the test when one of its workers is left. */
export async function startInProcess(
  env: Record<string, string> = {},
  keep = new Keep(),
  launch?: Parts["launch"],
): Promise<Fixture> {
  const settings = { CODEMODE_EXECUTOR_LISTEN: "127.0.0.1:0", CODEMODE_EXECUTOR_WORKERS: "1" };
  const log: object[] = [];
  const { config } = await loadConfig([], { ...settings, ...env });
  const executor = await startExecutor(
    config,
    { info: (fields) => void log.push(fields), warn: (fields, message) => void log.push({ ...fields, message }) },
    { keep, ...(launch && { launch }) },
  );
  return new Fixture(executor, log, env["CODEMODE_EXECUTOR_API_KEY"], keep);
}

export class Fixture implements AsyncDisposable {
  readonly executor: Executor;
  readonly log: readonly object[];
  readonly client: ExecutorServiceClient;
  /** What it keeps to replay runs from. */
  readonly keep: Keep;
  readonly #key: string | undefined;

  constructor(executor: Executor, log: readonly object[], key: string | undefined, keep: Keep) {
    this.executor = executor;
    this.keep = keep;
    this.log = log;
    this.#key = key;
    this.client = connect(executor.address);
  }

  open(): Stream {
    return new Stream(this.client, this.#key);
  }

  /** Runs `code` to its end, answering its tool calls with what `tools` returns; time does not pass for it. */
  async run(
    code: string,
    start: Partial<Start> = {},
    tools: Record<string, (input: never) => unknown> = {},
  ): Promise<Ended> {
    await using stream = this.open();
    return await stream.run(code, start, tools);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    await this.executor[Symbol.asyncDispose]();
    const left = this.executor.pool.pids.filter(isAlive);
    if (left.length > 0) throw new Error(`Workers are left: ${left.join(", ")}`);
  }
}

/** How a run ended, with its value or error in plain form. */
export interface Ended {
  readonly value?: unknown;
  readonly error?: { readonly type: number; readonly message: string };
  readonly usage: { readonly calls: number };
}

/** A stream ended where a message was waited for. */
class StreamEnded extends Error {
  readonly code: number;

  constructor(awaited: string, status: StatusObject) {
    super(`The stream ended before ${awaited}: ${JSON.stringify(status)}`);
    this.code = status.code;
  }
}

/** One Execute call of a scripted client. */
export class Stream implements AsyncDisposable {
  readonly call: ClientDuplexStream<ClientMessage | Buffer, ExecutorMessage>;
  readonly status: Promise<StatusObject>;
  /** What `next` has passed, and has given. */
  readonly seen: Received[] = [];
  readonly #received: AsyncIterator<ExecutorMessage>;

  constructor(client: ExecutorServiceClient, key?: string, metadata: Metadata = new Metadata()) {
    if (key !== undefined) metadata.set("authorization", `Bearer ${key}`);
    const { path, requestSerialize, responseDeserialize } = ExecutorServiceService.execute;
    const serialize = (message: ClientMessage | Buffer): Buffer =>
      Buffer.isBuffer(message) ? message : requestSerialize(message);
    this.call = client.makeBidiStreamRequest(path, serialize, responseDeserialize, metadata);
    this.call.on("error", () => {}); // `status` tells
    this.status = new Promise((resolve) => this.call.once("status", resolve));
    this.#received = this.call[Symbol.asyncIterator]() as AsyncIterator<ExecutorMessage>;
  }

  send(event: NonNullable<ClientMessage["event"]>): void {
    this.call.write({ event });
  }

  /** Sends a message that our encoder would not write. */
  sendRaw(message: Buffer): void {
    this.call.write(message);
  }

  start(code: string, start: Partial<Start> = {}): void {
    this.send({ $case: "start", value: startOf(code, start) });
  }

  answer(seq: number, value: unknown): void {
    const result = { $case: "value", value: { encoding: 1, data: Buffer.from(encode(value)) } } as const;
    this.send({ $case: "callResult", value: { seq, result, settledAt: new Date() } });
  }

  /** The next message of this kind; others are passed over. */
  async next<K extends Kind>(kind: K): Promise<Said<K>> {
    for (;;) {
      const { value, done } = await this.#received.next();
      if (done) throw new StreamEnded(kind, await this.status);
      const { event } = value;
      if (event) this.seen.push(event);
      if (event?.$case === kind) return event.value as Said<K>;
    }
  }

  async run(code: string, start: Partial<Start>, tools: Record<string, (input: never) => unknown>): Promise<Ended> {
    const components = Object.keys(tools).map((name) => ({
      name,
      description: "",
      inputSchemaJson: "",
      outputSchemaJson: "",
    }));
    this.start(code, { components: { $case: "manifest", value: { tools: components, agents: [] } }, ...start });
    for (;;) {
      const { value: message, done } = await this.#received.next();
      const event = done ? undefined : message.event;
      if (!event) throw new StreamEnded("finished", await this.status);
      if (event.$case === "call" && event.value.kind !== CallKind.CALL_KIND_TIMER) {
        const { seq, name, arguments: input } = event.value;
        this.answer(seq, tools[name]?.(decode(input?.data.toString() ?? "") as never));
      }
      if (event.$case !== "finished") continue;
      const { result, usage } = event.value;
      const calls = usage?.calls ?? 0;
      if (result?.$case === "error") return { error: result.value, usage: { calls } };
      const text = result?.value.data.toString() ?? "";
      return { value: text === "" ? undefined : decode(text), usage: { calls } };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.call.cancel();
    await this.status;
  }
}

/** A complete Start. */
export function startOf(code: string, start: Partial<Start> = {}): Start {
  const ids = { executionId: randomBytes(8).toString("hex"), correlationId: "cm-test", attempt: 1, idleWanted: true };
  return { ...Start.decode(new Uint8Array()), ...ids, code, seed: randomBytes(16), clock: new Date(), ...start };
}

export function connect(address: string): ExecutorServiceClient {
  return new ExecutorServiceClient(address, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
}

export function unary<T>(call: (reply: (error: ServiceError | null, value?: T) => void) => unknown): Promise<T> {
  return new Promise((resolve, reject) => call((error, value) => (error ? reject(error) : resolve(value as T))));
}

/** An executor as a child process, held by a lifeline; on a private socket when it is not told otherwise. */
export class ChildExecutor implements AsyncDisposable {
  readonly key: string;
  readonly child: ChildProcess;
  readonly lifeline: Duplex;
  readonly exited: Promise<unknown>;
  /** What it has logged, line by line. */
  readonly lines: string[] = [];
  readonly #log: Interface;
  readonly #folder = mkdtempDisposableSync(join(tmpdir(), "cm-"));
  address = "";

  private constructor(env: Record<string, string>, key: string) {
    this.key = key;
    const listen = env["CODEMODE_EXECUTOR_LISTEN"] ?? `unix:${join(this.#folder.path, "s")}`;
    const args = [main, "--listen", listen, "--lifeline", "3"];
    const environment = { PATH: process.env["PATH"], CODEMODE_EXECUTOR_WORKERS: "2", ...env };
    this.child = spawn(process.execPath, args, { env: environment, stdio: ["ignore", "ignore", "pipe", "pipe"] });
    this.#log = createInterface(this.child.stderr as Readable).on("line", (line) => this.lines.push(line));
    this.lifeline = this.child.stdio[3] as Duplex;
    this.exited = once(this.child, "exit");
  }

  static async start(env: Record<string, string> = {}, key = randomBytes(16).toString("hex")): Promise<ChildExecutor> {
    const started = new ChildExecutor(env, key);
    const hasKeys = "CODEMODE_EXECUTOR_API_KEYS_FILE" in env;
    started.lifeline.write(`${JSON.stringify(hasKeys ? {} : { apiKey: started.key })}\n`);
    const [line] = (await once(createInterface(started.lifeline), "line")) as [string];
    const told = JSON.parse(line) as { listening?: string; error?: string };
    if (told.listening === undefined) throw new Error(told.error);
    started.address = told.listening;
    return started;
  }

  /** Resolves when it next logs a line with `text`. To be called before what causes the line. */
  logs(text: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#log.on("line", (line) => line.includes(text) && resolve());
    return promise;
  }

  /** Process ids of its workers that are there. */
  get workers(): number[] {
    const { pid } = this.child;
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").match(/\d+/g)?.map(Number) ?? [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.lifeline.destroy();
    await this.exited;
    this.#folder.remove();
  }
}

/** True while `pid` runs; a zombie does not. */
export function isAlive(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return false;
  }
}
