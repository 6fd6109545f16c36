// Edge
// ==========================================================================
// The gRPC server: who may call, how much at a time, and how it all ends.
//
//   Edge owns      connections, keys, health, the order of shutting down.
//   Session owns   one Execute stream each.
//
// E1  Nothing of a call is looked at before its key was.
// E2  Payloads pass through as bytes; nothing of a program is parsed here.
// E3  While draining no run begins, and no worker outlives the edge.
import { CodemodeError, ExecutorServiceService, type GetInfoResponse } from "@codemode/proto";
import {
  type ChannelOptions,
  logVerbosity,
  type sendUnaryData,
  Server,
  setLogVerbosity,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { HealthImplementation } from "grpc-health-check";
import type { Address } from "../config/address.ts";
import { BusyError } from "../pool/busy.ts";
import type { Session } from "../session/session.ts";
import type { SessionHost } from "../session/stream.ts";
import { requireBearer } from "./auth.ts";
import { openSession, turnAway } from "./execute.ts";
import { listen } from "./listen.ts";
import { Outbox } from "./outbox.ts";
import { addReflection } from "./reflection.ts";

export interface EdgeOptions {
  readonly listen: Address;
  readonly apiKey: string | undefined;
  readonly reflection: boolean;
  /**
   * Streams that may be open: on one connection, where a client's further calls wait in the client, unseen, and on
   * all, where they are turned away.
   */
  readonly maxStreams: number;
  readonly host: SessionHost;
  /** What GetInfo tells, but for the number of runs. */
  readonly info: Omit<GetInfoResponse, "inFlight">;
}

const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
const FLUSH_WITHIN_MS = 1_000; // for the last words of streams that have ended
const SERVICE = "codemode.v1.ExecutorService";

setLogVerbosity(logVerbosity.NONE); // it would tell of a header that it refuses with its value, also when that is a key

export class Edge implements AsyncDisposable {
  readonly #server: Server;
  readonly #options: EdgeOptions;
  readonly #health = new HealthImplementation({ "": "NOT_SERVING", [SERVICE]: "NOT_SERVING" });
  readonly #sessions = new Set<Session>();
  readonly #outbox = new Outbox();
  #draining = false;
  #closed: Promise<void> | undefined;

  constructor(options: EdgeOptions) {
    this.#options = options;
    const interceptors = options.apiKey === undefined ? [] : [requireBearer(options.apiKey)];
    this.#server = new Server({ ...channelOptions(options.maxStreams), interceptors });
    this.#server.addService(ExecutorServiceService, this.#handlers());
    this.#health.addToServer(this.#server);
    if (options.reflection) addReflection(this.#server);
  }

  /** Resolves with the address in use when calls are answered. */
  async listen(): Promise<Address> {
    const address = await listen(this.#server, this.#options.listen);
    this.#setHealth("SERVING");
    return address;
  }

  /** Lets no run begin, gives open ones `timeoutMs`, then ends their streams UNAVAILABLE. */
  async drain(timeoutMs: number): Promise<void> {
    this.#draining = true;
    this.#setHealth("NOT_SERVING");
    for (const session of this.#sessions) if (!session.running) session.stop(closing());
    const timer = setTimeout(() => this.#stopAll(), timeoutMs);
    await this.#allEnded();
    clearTimeout(timer);
  }

  /** Ends open streams UNAVAILABLE at once, then the server. Resolves when every slot is free. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#draining = true;
    this.#stopAll();
    await this.#allEnded();
    const flushed = Promise.withResolvers<void>();
    const timer = setTimeout(() => flushed.resolve(), FLUSH_WITHIN_MS);
    this.#server.tryShutdown(() => flushed.resolve());
    await flushed.promise;
    clearTimeout(timer);
    this.#server.forceShutdown();
  }

  #handlers(): UntypedServiceImplementation {
    const { host, maxStreams } = this.#options;
    return {
      execute: (call: Parameters<typeof openSession>[0]) => {
        if (this.#draining) return turnAway(call, closing(), this.#outbox);
        if (this.#sessions.size + this.#outbox.size >= maxStreams) return turnAway(call, tooMany(), this.#outbox);
        const session = openSession(call, host, this.#outbox);
        this.#sessions.add(session);
        void session.ended.then(() => this.#sessions.delete(session));
      },
      getInfo: (_call: unknown, reply: sendUnaryData<GetInfoResponse>) => {
        const inFlight = [...this.#sessions].filter((session) => session.running).length;
        reply(null, { ...this.#options.info, inFlight });
      },
    };
  }

  #stopAll(): void {
    for (const session of this.#sessions) session.stop(closing());
  }

  async #allEnded(): Promise<void> {
    await Promise.all([...this.#sessions].map((session) => session.ended));
  }

  #setHealth(status: "SERVING" | "NOT_SERVING"): void {
    for (const service of ["", SERVICE]) this.#health.setStatus(service, status);
  }
}

function tooMany(): BusyError {
  return new BusyError("Cannot take one more run: all streams are taken", 1_000);
}

function closing(): CodemodeError {
  return new CodemodeError("CLOSED", "Cannot go on with this run: the executor is shutting down");
}

function channelOptions(maxStreams: number): ChannelOptions {
  return {
    "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
    "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
    "grpc.max_concurrent_streams": maxStreams,
    "grpc-node.max_session_memory": 512, // MB of one connection; over it new streams are refused. A thousand runs take a hundred
    "grpc.max_connection_idle_ms": 300_000,
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 10_000,
    "grpc.enable_channelz": 0,
  };
}
