// Admin server
// ==========================================================================
// Plain HTTP for those who look after an executor: does it live, does it take runs, what has it counted.
//
// A1  It asks for no key, so it tells nothing of a run but counts, and takes nothing: GET and HEAD alone.
// A2  A connection serves one request and ends within 5 s, whatever its peer does.
// A3  It goes on while the executor drains, so that those who ask learn of it.
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { CodemodeError } from "@codemode/proto";
import { formatAddress, type TcpAddress } from "../config/address.ts";

/** What the server tells. */
export interface AdminHost {
  /** True while runs may begin. */
  isReady(): boolean;
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
}

interface Page {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const MAX_CONNECTIONS = 64; // more are closed at once
const MAX_HEADER_BYTES = 8 * 1024;
const CONNECTION_MS = 5_000; // a scrape takes some milliseconds

/** See the head of this file. */
export class AdminServer implements AsyncDisposable {
  readonly #host: AdminHost;
  readonly #server: Server;

  constructor(host: AdminHost) {
    this.#host = host;
    this.#server = createServer({ maxHeaderSize: MAX_HEADER_BYTES }, (request, response) => {
      void this.#answer(request, response);
    });
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.on("connection", (socket) => {
      const due = setTimeout(() => socket.destroy(), CONNECTION_MS); // A2
      socket.once("close", () => clearTimeout(due));
    });
  }

  /** Resolves with the address in use. @throws CodemodeError UNREACHABLE when it cannot be had. */
  async listen({ kind, host, port }: TcpAddress): Promise<TcpAddress> {
    try {
      await once(this.#server.listen({ host, port }), "listening");
    } catch (error) {
      const { message } = error as Error;
      const where = formatAddress({ kind, host, port });
      throw new CodemodeError("UNREACHABLE", `Cannot listen on ${where} for admin: ${message}`, { cause: error });
    }
    return { kind, host, port: (this.#server.address() as AddressInfo).port };
  }

  /** Ends every connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer({ method, url = "" }: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, body, headers } = await this.#page(method, url.split("?", 1)[0]);
    const always = { connection: "close", "cache-control": "no-store", "content-length": Buffer.byteLength(body) };
    response.writeHead(status, { "content-type": "text/plain; charset=utf-8", ...always, ...headers }).end(body);
  }

  async #page(method: string | undefined, path: string | undefined): Promise<Page> {
    if (method !== "GET" && method !== "HEAD") {
      return { status: 405, body: "Only GET and HEAD are answered\n", headers: { allow: "GET, HEAD" } };
    }
    switch (path) {
      case "/metrics": {
        const { contentType } = this.#host.metrics;
        return { status: 200, body: await this.#host.metrics.text(), headers: { "content-type": contentType } };
      }
      case "/healthz":
        return { status: 200, body: "ok\n" };
      case "/readyz":
        return this.#host.isReady() ? { status: 200, body: "ready\n" } : { status: 503, body: "not ready\n" };
      default:
        return { status: 404, body: "There are /metrics, /healthz and /readyz\n" };
    }
  }
}
