import { type ChannelCredentials, connectivityState, Metadata, type ServiceError } from "@grpc/grpc-js";
import { ExecutorServiceClient, ExecutorServiceService, type GetInfoResponse } from "@codemode/proto";
import type { Target } from "../config/index.ts";
import type { Endpoint } from "../sidecar/source.ts";
import { traceHeaders } from "../telemetry.ts";
import { channelOptionsFor } from "./channel-options.ts";
import { decodeExecutorMessage } from "./decode.ts";

const SERVING = 1; // grpc.health.v1.HealthCheckResponse.ServingStatus

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

  /** Does not connect yet. */
  constructor(endpoint: Endpoint, { target, credentials, serverName }: Connecting) {
    this.endpoint = endpoint;
    this.credentials = credentials;
    this.#client = new ExecutorServiceClient(target.target, credentials, channelOptionsFor(target, serverName));
  }

  get connected(): boolean {
    return this.#client.getChannel().getConnectivityState(false) === connectivityState.READY;
  }

  /** Opens a stream. The caller ends it. */
  execute(correlationId: string): ReturnType<ExecutorServiceClient["execute"]> {
    const { path, requestSerialize } = ExecutorServiceService.execute;
    const metadata = this.#metadata(correlationId);
    for (const [name, value] of Object.entries(traceHeaders())) metadata.set(name, value);
    return this.#client.makeBidiStreamRequest(path, requestSerialize, decodeExecutorMessage, metadata);
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
    this.#client.close();
  }

  #metadata(correlationId?: string): Metadata {
    const metadata = new Metadata();
    const { apiKey } = this.endpoint;
    if (apiKey !== undefined) metadata.set("authorization", `Bearer ${apiKey}`);
    if (correlationId !== undefined) metadata.set("x-correlation-id", correlationId);
    return metadata;
  }
}
