import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";

/** A server on a free port of this machine whose requests `answer` answers. Disposal ends its connections too. */
export async function serveFetch(
  answer: (request: Request) => Promise<Response>,
): Promise<AsyncDisposable & { url: string }> {
  const server = createServer((incoming, outgoing) => {
    const gone = new AbortController();
    outgoing.once("close", () => gone.abort());
    const { method = "GET", headers } = incoming;
    const body = method === "GET" || method === "HEAD" ? null : (Readable.toWeb(incoming) as ReadableStream);
    const request = new Request(new URL(incoming.url ?? "/", `http://${headers.host}`), {
      method,
      headers: Object.entries(headers) as [string, string][],
      body,
      duplex: "half",
      signal: gone.signal,
    });
    void reply(answer(request), outgoing);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function reply(answer: Promise<Response>, outgoing: ServerResponse): Promise<void> {
  const { status, headers, body } = await answer;
  outgoing.writeHead(status, [...headers].flat());
  outgoing.flushHeaders();
  if (!body) outgoing.end();
  else
    Readable.fromWeb(body as never)
      .on("error", () => outgoing.destroy())
      .pipe(outgoing);
}
