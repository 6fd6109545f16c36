import { isIPv6 } from "node:net";
import { type ChannelCredentials, connectivityState, Metadata, type ServiceError } from "@grpc/grpc-js";
import { ExecutorServiceClient, ExecutorServiceService, type GetInfoResponse } from "@codemode/proto";
import type { Target } from "../config/index.ts";
import type { Endpoint } from "../sidecar/source.ts";
import { traceHeaders } from "../telemetry.ts";
import { channelOptionsFor } from "./channel-options.ts";
import { decodeExecutorMessage, encodeClientMessage } from "./decode.ts";

const SERVING = 1; // grpc.health.v1.HealthCheckResponse.ServingStatus
const REST_MS = 1_000; // one that is full or shutting down is so for longer than a moment

/** How to connect. */
export interface Connecting {
  readonly target: Target;
  readonly credentials: ChannelCredentials;
  /** The name that the executor's certificate is to have, when it is not that of the address. */
  readonly serverName: string | undefined;
}

/** The calls that one executor answers. */
export class Channel {
  readonly endpoint: Endpoint;
  readonly credentials: ChannelCredentials;
  readonly #client: ExecutorServiceClient;
  /** When it began to connect; undefined while it is connected. */
  #tryingSince: number | undefined;
  #restsUntil = 0;
  #closed = false;

  /** Does not connect yet. */
  constructor(endpoint: Endpoint, { target, credentials, serverName }: Connecting) {
    const { at } = endpoint;
    this.endpoint = endpoint;
    this.credentials = credentials;
    const address = at === undefined ? target.target : `dns:///${isIPv6(at) ? `[${at}]` : at}:${target.port}`;
    this.#client = new ExecutorServiceClient(address, credentials, channelOptionsFor(target, at, serverName));
  }

  /** As people know it. */
  get address(): string {
    const { url, at } = this.endpoint;
    return at === undefined ? url : `${url} (${at})`;
  }

  get connected(): boolean {
    return !this.#closed && this.#state(false) === connectivityState.READY;
  }

  /** True when it has just turned a run away, or lost one: then others are better. */
  get resting(): boolean {
    return performance.now() < this.#restsUntil;
  }

  get closed(): boolean {
    return this.#closed;
  }

  rest(): void {
    this.#restsUntil = performance.now() + REST_MS;
  }

  /** Connects, when it is not connected. Returns for how many milliseconds it has been trying to. */
  wake(): number {
    if (this.#closed || this.#state(true) === connectivityState.READY) this.#tryingSince = undefined;
    else this.#tryingSince ??= performance.now();
    return this.#tryingSince === undefined ? 0 : performance.now() - this.#tryingSince;
  }

  /** Resolves when it is connected. Rejects when that has failed, and after `ms`. */
  async connects(ms: number): Promise<void> {
    const deadline = new Date(Date.now() + ms);
    while (!this.connected) {
      const state = this.#closed ? connectivityState.SHUTDOWN : this.#state(true);
      if (state === connectivityState.TRANSIENT_FAILURE || state === connectivityState.SHUTDOWN)
        throw new Error("no connection");
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      this.#client.getChannel().watchConnectivityState(state, deadline, (late) => (late ? reject(late) : resolve()));
      await promise;
    }
  }

  /** Opens a stream. The caller ends it. */
  execute(correlationId: string): ReturnType<ExecutorServiceClient["execute"]> {
    const { path } = ExecutorServiceService.execute;
    const metadata = this.#metadata(correlationId);
    for (const [name, value] of Object.entries(traceHeaders())) metadata.set(name, value);
    return this.#client.makeBidiStreamRequest(path, encodeClientMessage, decodeExecutorMessage, metadata);
  }

  getInfo(deadline: Date): Promise<GetInfoResponse> {
    return new Promise((resolve, reject) => {
      const done = (error: ServiceError | null, info?: GetInfoResponse) => (info ? resolve(info) : reject(error!));
      this.#client.getInfo({}, this.#metadata(), { deadline }, done);
    });
  }

  /** grpc.health.v1: true when the executor takes runs. Written by hand: both messages have one field. */
  isServing(deadline: Date): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const done = (error: ServiceError | null, serving?: boolean) =>
        serving === undefined ? reject(error!) : resolve(serving);
      this.#client.makeUnaryRequest<null, boolean>(
        "/grpc.health.v1.Health/Check",
        () => Buffer.alloc(0), // service "": the whole server
        (bytes) => bytes[0] === 0x08 && bytes[1] === SERVING,
        null,
        this.#metadata(),
        { deadline },
        done,
      );
    });
  }

  close(): void {
    this.#closed = true;
    this.#client.close();
  }

  #state(connect: boolean): connectivityState {
    return this.#client.getChannel().getConnectivityState(connect);
  }

  #metadata(correlationId?: string): Metadata {
    const metadata = new Metadata();
    const { apiKey } = this.endpoint;
    if (apiKey !== undefined) metadata.set("authorization", `Bearer ${apiKey}`);
    if (correlationId !== undefined) metadata.set("x-correlation-id", correlationId);
    return metadata;
  }
}
