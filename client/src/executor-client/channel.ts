import { connectivityState, Metadata, type ServiceError } from "@grpc/grpc-js";
import { ExecutorServiceClient, ExecutorServiceService, type GetInfoResponse } from "@codemode/proto";
import type { Endpoint } from "../sidecar/source.ts";
import { traceHeaders } from "../telemetry.ts";
import { channelOptionsFor, credentialsFor, parseAddress } from "./address.ts";
import { decodeExecutorMessage } from "./decode.ts";

const SERVING = 1; // grpc.health.v1.HealthCheckResponse.ServingStatus

/** The calls that one executor answers. */
export class Channel {
  readonly endpoint: Endpoint;
  readonly #client: ExecutorServiceClient;

  /** Throws a `ConfigError` when the address cannot be read. Does not connect yet. */
  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
    const target = parseAddress(endpoint.url);
    this.#client = new ExecutorServiceClient(target.target, credentialsFor(target), channelOptionsFor(target));
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
