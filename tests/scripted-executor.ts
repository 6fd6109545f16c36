import { once } from "node:events";
import { Server, ServerCredentials, type ServerDuplexStream, type StatusObject, status } from "@grpc/grpc-js";
import {
  type CallResult,
  type ClientMessage,
  CallKind,
  type ExecutorMessage,
  ExecutorServiceService,
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

  accept(wallMs = 30_000): void {
    const budgets = { wallTime: toDuration(wallMs), waitTime: undefined, cpuTime: undefined };
    this.say({ $case: "accepted", value: { executorId: "scripted", budgets } });
  }

  call(seq: number, name: string, input?: unknown, kind: CallKind = CallKind.CALL_KIND_TOOL): void {
    this.say({ $case: "call", value: { seq, kind, name, arguments: toValue(input), delayMs: 0 } });
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

  /** Ends the stream with a status that is not OK. */
  fail(error: Partial<StatusObject>): void {
    this.stream.emit("error", { details: "scripted", ...error });
  }
}

export type Script = (peer: Peer, attempt: number) => Promise<void> | void;

/** A server on a real socket that does what `script` says, stream by stream. */
export async function startScripted(script: Script, port = 0) {
  const server = new Server();
  const keys: unknown[] = [];
  let streams = 0;
  server.addService(ExecutorServiceService, {
    execute: async (stream: Stream) => {
      keys.push(stream.metadata.get("authorization")[0]);
      const peer = new Peer(stream);
      const first = await peer.next();
      if (first?.$case === "start") peer.start = first.value;
      await script(peer, ++streams);
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
