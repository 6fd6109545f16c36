import { once } from "node:events";
import type { ServerHttp2Stream } from "node:http2";
import { Server, ServerCredentials, type ServerDuplexStream, type StatusObject, status } from "@grpc/grpc-js";
import {
  type CallResult,
  type ClientMessage,
  CallKind,
  type ExecutorMessage,
  ExecutorServiceService,
  type Journal,
  type JournalEntry,
  messages,
  type Start,
  toDuration,
  Value,
} from "@codemode/proto";
import { encode } from "@codemode/proto/values";

type Stream = ServerDuplexStream<ClientMessage, ExecutorMessage>;

/** One stream as a script sees it. */
export class Peer {
  readonly stream: Stream;
  readonly received: AsyncIterator<ClientMessage>;
  start!: Start;

  constructor(stream: Stream) {
    this.stream = stream;
    this.received = messages(stream)[Symbol.asyncIterator]();
    stream.on("error", () => {});
  }

  say(event: NonNullable<ExecutorMessage["event"]>): void {
    this.stream.write({ event });
  }

  accept(wallMs = 30_000, waitMs = 0, takesBatches = false): void {
    const budgets = { wallTime: toDuration(wallMs), waitTime: toDuration(waitMs), cpuTime: undefined };
    this.say({ $case: "accepted", value: { executorId: "scripted", budgets, takesBatches } });
  }

  call(seq: number, name: string, input?: unknown, kind: CallKind = CallKind.CALL_KIND_TOOL): void {
    this.say({ $case: "call", value: { seq, kind, name, arguments: toValue(input), delayMs: 0 } });
  }

  /** Calls of tools, without arguments, in one message. */
  calls(...of: readonly (readonly [seq: number, name: string])[]): void {
    const common = { kind: CallKind.CALL_KIND_TOOL, arguments: undefined, delayMs: 0 };
    this.say({ $case: "callBatch", value: { calls: of.map(([seq, name]) => ({ ...common, seq, name })) } });
  }

  timer(seq: number, delayMs: number): void {
    const kind = CallKind.CALL_KIND_TIMER;
    this.say({ $case: "call", value: { seq, kind, name: "", arguments: undefined, delayMs } });
  }

  async next(): Promise<ClientMessage["event"]> {
    const { value } = await this.received.next();
    return (value as ClientMessage | undefined)?.event;
  }

  async answer(): Promise<CallResult> {
    const event = await this.next();
    if (event?.$case !== "callResult") throw new Error(`Expected an answer, got ${event?.$case}`);
    return event.value;
  }

  finish(value: unknown): void {
    const result = { $case: "value", value: toValue(value) } as const;
    this.say({ $case: "finished", value: { result, usage: undefined, truncation: undefined, warnings: [] } });
    this.stream.end();
  }

  /** Ends the connection, as a machine does that loses its power. */
  cut(): void {
    this.#http2.session?.destroy();
  }

  /** Ends the stream without a status, as a proxy does that is told to stop. */
  reset(code: number): void {
    this.#http2.close(code);
  }

  get #http2(): ServerHttp2Stream {
    return (this.stream as unknown as { call: { stream: ServerHttp2Stream } }).call.stream;
  }

  /** The pieces of the journal that came with Start. */
  async pieces(): Promise<Journal[]> {
    return this.start.journal ? this.#rest([this.start.journal]) : [];
  }

  /** The journal that came with Start. */
  async journal(): Promise<JournalEntry[]> {
    return (await this.pieces()).flatMap(({ entries }) => entries);
  }

  /** Asks for the journal. */
  async wantJournal(): Promise<JournalEntry[]> {
    this.say({ $case: "journalWanted", value: {} });
    return (await this.#rest([await this.#piece()])).flatMap(({ entries }) => entries);
  }

  async #rest(pieces: Journal[]): Promise<Journal[]> {
    while (pieces.at(-1)?.more) pieces.push(await this.#piece());
    return pieces;
  }

  async #piece(): Promise<Journal> {
    const event = await this.next();
    if (event?.$case !== "journal") throw new Error(`Expected the journal, got ${event?.$case}`);
    return event.value;
  }

  /** Ends the stream with a status that is not OK. */
  fail(error: Partial<StatusObject>): void {
    this.stream.emit("error", { details: "scripted", ...error });
  }
}

export type Script = (peer: Peer, attempt: number) => Promise<void> | void;

/** A server on a real socket that does what `script` says, stream by stream. Disposal fails where a script has failed. */
export async function startScripted(script: Script, port = 0) {
  const server = new Server();
  const keys: unknown[] = [];
  const traces: unknown[] = [];
  const problems: unknown[] = [];
  let streams = 0;
  server.addService(ExecutorServiceService, {
    execute: async (stream: Stream) => {
      keys.push(stream.metadata.get("authorization")[0]);
      traces.push(stream.metadata.get("traceparent")[0]);
      const peer = new Peer(stream);
      const first = await peer.next();
      if (first?.$case === "start") peer.start = first.value;
      try {
        await script(peer, ++streams);
      } catch (error) {
        if (stream.cancelled || (error as NodeJS.ErrnoException).code === "ERR_STREAM_PREMATURE_CLOSE") return; // the client left
        problems.push(error);
        peer.fail({ code: status.FAILED_PRECONDITION, details: `The script failed: ${String(error)}` });
      }
    },
    getInfo: (_call: unknown, done: (error: { code: number; details: string }) => void) =>
      done({ code: status.UNIMPLEMENTED, details: "scripted" }),
  });
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, on) =>
      error ? reject(error) : resolve(on),
    );
  });
  return {
    url: `127.0.0.1:${bound}`,
    keys,
    traces,
    /** As before a rolling update: open streams go on, their connection takes no new ones, and nobody listens any more. */
    goAway() {
      server.unbind(`127.0.0.1:${bound}`);
      server.drain(`127.0.0.1:${bound}`, 60_000);
    },
    get streams() {
      return streams;
    },
    async [Symbol.asyncDispose]() {
      server.forceShutdown();
      await Promise.resolve();
      if (problems.length > 0) throw problems[0];
    },
  };
}

/** Resolves when the client has gone away. */
export async function gone(peer: Peer): Promise<void> {
  if (!peer.stream.cancelled) await once(peer.stream, "cancelled");
}

export function toValue(value: unknown): Value {
  return { encoding: 0, data: value === undefined ? Buffer.alloc(0) : Buffer.from(encode(value)) };
}
