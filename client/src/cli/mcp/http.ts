import { createHash, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { type McpHttpHandler, validateHostHeader, validateOriginHeader } from "@modelcontextprotocol/server";

const PATH = "/mcp";

export interface HttpOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** What clients send as `Authorization: Bearer …`. Whoever reaches the port is served when absent. */
  readonly key: string | undefined;
  /** Names under which the server may be called, those of loopback included. */
  readonly hostNames: readonly string[];
}

/**
 * Serves MCP over HTTP at `/mcp`. A page in a browser that was led here by DNS sends a `Host` or an `Origin` of its own,
 * and is refused (as in CVE-2025-66414), before anything of its request is read.
 */
export async function serveHttp(handler: McpHttpHandler, options: HttpOptions): Promise<HttpServer> {
  const server = createServer((request, response) => {
    const refusal = refuse(request, options);
    if (refusal) {
      response.writeHead(refusal.status, {
        "content-type": "application/json",
        connection: "close",
        ...refusal.headers,
      });
      response.end(JSON.stringify({ error: refusal.message }));
      return;
    }
    answer(handler, request, response).catch(() => response.destroy());
  });
  server.listen(options.port, options.host);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${options.host.includes(":") ? `[${options.host}]` : options.host}:${port}${PATH}`,
    async [Symbol.asyncDispose]() {
      const closed = once(server.close(), "close");
      await handler.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

export interface HttpServer extends AsyncDisposable {
  readonly url: string;
}

interface Refusal {
  readonly status: number;
  readonly message: string;
  readonly headers?: Record<string, string>;
}

function refuse({ headers, url }: IncomingMessage, { key, hostNames }: HttpOptions): Refusal | undefined {
  const names = [...hostNames];
  if (!validateHostHeader(headers.host, names).ok)
    return { status: 403, message: "The Host header is not of this server" };
  if (headers.origin !== undefined && !validateOriginHeader(headers.origin, names).ok) {
    return { status: 403, message: "Pages of this origin may not call this server" };
  }
  if (key !== undefined && !isSame(headers.authorization ?? "", `Bearer ${key}`)) {
    return { status: 401, message: "A bearer key is needed", headers: { "www-authenticate": "Bearer" } };
  }
  return url?.split("?")[0] === PATH ? undefined : { status: 404, message: `There is nothing but ${PATH}` };
}

/** In the same time whatever the first difference is. */
function isSame(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

async function answer(handler: McpHttpHandler, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => gone.abort(new Error("The client has gone")));
  const { method = "GET", url = PATH } = request;
  const hasBody = method !== "GET" && method !== "HEAD";
  const answered = await handler.fetch(
    new Request(new URL(url, "http://localhost"), {
      method,
      headers: Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
      signal: gone.signal,
      ...(hasBody && { body: Readable.toWeb(request) as ReadableStream<Uint8Array>, duplex: "half" }),
    }),
  );
  response.writeHead(answered.status, Object.fromEntries(answered.headers));
  if (!answered.body) return void response.end();
  response.flushHeaders(); // a stream may have nothing to say for long
  await pipeline(Readable.fromWeb(answered.body), response);
}
