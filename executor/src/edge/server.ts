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
import { CodemodeError, type ErrorCode, ExecutorServiceService, type GetInfoResponse } from "@codemode/proto";
import type { CertificateFiles } from "@codemode/proto/certificates";
import {
  type ChannelOptions,
  logVerbosity,
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  setLogVerbosity,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import type { Address } from "../config/address.ts";
import type { ApiKey } from "../config/api-key.ts";
import { BusyError } from "../pool/busy.ts";
import type { Lease } from "../pool/lease.ts";
import type { Applicant } from "../pool/line.ts";
import { defaultBudgets, maxBudgets, wireBudgets } from "../session/budgets.ts";
import { Holdings } from "../session/holdings.ts";
import type { Report } from "../session/report.ts";
import type { Session } from "../session/session.ts";
import type { Manifests } from "../session/manifests.ts";
import type { SessionHost } from "../session/stream.ts";
import { Admission } from "./admission.ts";
import { Callers } from "./auth.ts";
import { Connections } from "./connections.ts";
import { encodeExecutorMessage } from "./decode.ts";
import { type Call, openSession, turnAway } from "./execute.ts";
import { firstMessageInTime } from "./first-message.ts";
import { forgetMessage, http2Stream } from "./grpc-internals.ts";
import { Health } from "./health.ts";
import { Inflow } from "./inflow.ts";
import { listen } from "./listen.ts";
import { modestMessages } from "./modest-messages.ts";
import { Outbox } from "./outbox.ts";
import { TlsCredentials } from "./tls.ts";

export interface EdgeOptions {
  readonly listen: Address;
  /** Clear text when absent. */
  readonly tls: CertificateFiles | undefined;
  /** Who may call; everybody, when there are none. */
  readonly apiKeys: readonly ApiKey[];
  /** The weights of all of them together. */
  readonly totalWeight: number;
  readonly reflection: boolean;
  /** Execute streams that may be open; others are turned away. */
  readonly maxStreams: number;
  /** How old a connection may get before its client is asked for a new one. */
  readonly connectionMaxAgeMs: number;
  /** How long a connection may have no call on it. */
  readonly connectionMaxIdleMs: number;
  readonly host: Host;
  /** What GetInfo tells everybody. */
  readonly info: Omit<GetInfoResponse, "inFlight" | "defaultBudgets" | "maxBudgets">;
}

/** What the sessions of all callers need. */
interface Host extends Pick<SessionHost, "executorId" | "keep" | "called"> {
  readonly manifests: Manifests;
  lend(applicant: Applicant, signal: AbortSignal): Promise<Lease>;
  ended(report: Report & { readonly apiKey: string; readonly traceId?: string }): void;
  /** Told of each call that got no session, with the id of its key where it has one. */
  refused(reason: ErrorCode, apiKey?: string): void;
  /** Told of certificates that were replaced by what cannot be used. */
  warn(message: string): void;
}

const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
/** On one connection, over those that are admitted: a client that may open no more waits by itself, and is told nothing. */
const SPARE_STREAMS = 1_024;
const FLUSH_WITHIN_MS = 1_000; // for the last words of streams that have ended
const SERVICE = "codemode.v1.ExecutorService";
const { execute, ...others } = ExecutorServiceService;
/** Messages of Execute are decoded here, not by grpc-js: it would decode whatever fits into one. */
const SERVICE_DEFINITION = {
  ...others,
  execute: { ...execute, requestDeserialize: (bytes: Buffer) => bytes, responseSerialize: encodeExecutorMessage },
};

setLogVerbosity(logVerbosity.NONE); // it would tell of a header that it refuses with its value, also when that is a key

export class Edge implements AsyncDisposable {
  readonly #server: Server;
  readonly #options: EdgeOptions;
  readonly #health = new Health(["", SERVICE]);
  readonly #sessions = new Set<Session>();
  readonly #outbox = new Outbox();
  readonly #connections: Connections;
  readonly #callers: Callers;
  readonly #admission: Admission;
  readonly #inflow: Inflow;
  readonly #holdings: Holdings;
  readonly #tls: TlsCredentials | undefined;
  #listening = false;
  #draining = false;
  #closed: Promise<void> | undefined;

  constructor(options: EdgeOptions) {
    this.#options = options;
    const { apiKeys, host, maxStreams, tls, totalWeight } = options;
    this.#tls = tls && new TlsCredentials(tls, (problem) => host.warn(problem));
    this.#connections = new Connections(totalWeight);
    this.#callers = new Callers(apiKeys, this.#connections, () => host.refused("UNAUTHENTICATED"));
    this.#admission = new Admission(maxStreams, totalWeight);
    this.#inflow = new Inflow(totalWeight);
    this.#holdings = new Holdings(host.keep.limits.programBytes, totalWeight);
    const interceptors = [this.#callers.interceptor, modestMessages, firstMessageInTime];
    this.#server = new Server({ ...channelOptions(options), interceptors });
    this.#server.addService(SERVICE_DEFINITION, this.#handlers());
    this.#health.addTo(this.#server);
  }

  /** Resolves with the address in use when calls are answered. */
  async listen(): Promise<Address> {
    if (this.#options.reflection) (await import("./reflection.ts")).addReflection(this.#server); // reads .proto files
    const address = await listen(this.#server, this.#options.listen, this.#tls ?? ServerCredentials.createInsecure());
    this.#tls?.follow(this.#server);
    this.#connections.guard(this.#server);
    this.#health.set(true);
    this.#listening = true;
    return address;
  }

  /** True while runs may begin. */
  get serving(): boolean {
    return this.#listening && !this.#draining;
  }

  /** Runs that have begun and not ended. */
  get inFlight(): number {
    return [...this.#sessions].filter((session) => session.running).length;
  }

  /** Lets no run begin, gives open ones `timeoutMs`, then ends their streams UNAVAILABLE. */
  async drain(timeoutMs: number): Promise<void> {
    this.#draining = true;
    this.#health.set(false);
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
    this.#connections[Symbol.dispose](); // grpc-js forgets those of a server without channelz
  }

  #handlers(): UntypedServiceImplementation {
    return {
      execute: (call: Call) => this.#execute(call, this.#callers.keyOf(call)),
      getInfo: (call: ServerUnaryCall<unknown, GetInfoResponse>, reply: sendUnaryData<GetInfoResponse>) => {
        const { budgets } = this.#callers.keyOf(call);
        reply(null, {
          ...this.#options.info,
          defaultBudgets: wireBudgets(defaultBudgets(budgets)),
          maxBudgets: wireBudgets(maxBudgets(budgets)),
          inFlight: this.inFlight,
        });
      },
    };
  }

  #execute(call: Call, key: ApiKey): void {
    if (this.#draining) return this.#refuse(call, key, closing());
    try {
      const leave = this.#admission.admit(key);
      const stream = http2Stream(call);
      const closed = new Promise((resolve) => stream.once("close", resolve));
      const session = openSession(call, this.#hostOf(key, traceOf(call)), this.#outbox);
      const isWhole = this.#inflow.watch(stream, key, () => session.stop(tooMuch()));
      call.on("data", () => {
        forgetMessage(call);
        isWhole();
      });
      this.#sessions.add(session);
      void session.ended.then(() => this.#sessions.delete(session));
      void Promise.all([session.ended, closed]).then(leave);
    } catch (error) {
      if (!(error instanceof BusyError)) throw error;
      this.#refuse(call, key, error);
    }
  }

  #refuse(call: Call, key: ApiKey, error: CodemodeError): void {
    this.#options.host.refused(error.code, key.id);
    turnAway(call, error);
  }

  /** Of one session. */
  #hostOf(key: ApiKey, trace: { readonly traceId?: string }): SessionHost {
    const { host } = this.#options;
    return {
      executorId: host.executorId,
      keep: host.keep,
      holding: this.#holdings.open(key),
      manifests: host.manifests.of(key.id),
      called: (call) => host.called(call),
      ceilings: key.budgets,
      lend: (errand, signal) => host.lend({ ...errand, account: key }, signal),
      ended: (report) => host.ended({ apiKey: key.id, ...trace, ...report }),
    };
  }

  #stopAll(): void {
    for (const session of this.#sessions) session.stop(closing());
  }

  async #allEnded(): Promise<void> {
    await Promise.all([...this.#sessions].map((session) => session.ended));
  }
}

/** The trace that a caller works for, for the log. See https://www.w3.org/TR/trace-context/ */
function traceOf({ metadata }: Call): { readonly traceId?: string } {
  const [parent] = metadata.get("traceparent");
  const traceId = /^[\da-f]{2}-([\da-f]{32})-[\da-f]{16}-[\da-f]{2}/.exec(String(parent))?.[1];
  return traceId === undefined ? {} : { traceId };
}

function tooMuch(): BusyError {
  return new BusyError("Cannot take this message: too much of others is on its way", 1_000);
}

function closing(): CodemodeError {
  return new CodemodeError("CLOSED", "Cannot go on with this run: the executor is shutting down");
}

function channelOptions({ maxStreams, connectionMaxAgeMs, connectionMaxIdleMs }: EdgeOptions): ChannelOptions {
  return {
    "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
    "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
    "grpc.max_concurrent_streams": maxStreams + SPARE_STREAMS,
    "grpc-node.max_session_memory": 512, // MB of one connection; over it new streams are refused. A thousand runs take a hundred
    "grpc.max_connection_idle_ms": connectionMaxIdleMs,
    "grpc.max_connection_age_ms": connectionMaxAgeMs, // its streams end in their own time: there is no grace to it
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 10_000,
    "grpc.enable_channelz": 0,
  };
}
