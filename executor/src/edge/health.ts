import { HealthCheckResponse_ServingStatus as Status, HealthService } from "@codemode/proto/health";
import {
  type Server,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";

type Response = { readonly status: Status };
type Request = { readonly service: string };
type Watcher = ServerWritableStream<Request, Response>;

/**
 * grpc.health.v1 for services that are all well or none. Written here, since the package for it reads the .proto file at each
 * start, by a library for that which takes longer to load than the rest of the edge.
 */
export class Health {
  readonly #services: readonly string[];
  readonly #watchers = new Set<Watcher>();
  #status: Status = Status.NOT_SERVING;

  /** "" stands for the server. */
  constructor(services: readonly string[]) {
    this.#services = services;
  }

  set(serving: boolean): void {
    this.#status = serving ? Status.SERVING : Status.NOT_SERVING;
    for (const watcher of this.#watchers) watcher.write({ status: this.#status });
  }

  addTo(server: Server): void {
    server.addService(HealthService, {
      check: ({ request: { service } }: ServerUnaryCall<Request, Response>, reply: sendUnaryData<Response>) => {
        if (this.#knows(service)) reply(null, { status: this.#status });
        else reply({ code: status.NOT_FOUND, details: "There is no such service" });
      },
      watch: (call: Watcher) => {
        if (!this.#knows(call.request.service)) return void call.write({ status: Status.SERVICE_UNKNOWN }); // and it stays so
        this.#watchers.add(call);
        call.once("cancelled", () => this.#watchers.delete(call));
        call.write({ status: this.#status });
      },
      list: (_call: unknown, reply: sendUnaryData<{ readonly statuses: Readonly<Record<string, Response>> }>) =>
        reply(null, { statuses: Object.fromEntries(this.#services.map((name) => [name, { status: this.#status }])) }),
    });
  }

  #knows(service: string): boolean {
    return this.#services.includes(service);
  }
}
