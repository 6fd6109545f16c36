import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type CallInfo,
  Codemode,
  ComponentRegistry,
  type ExecuteOptions,
  type FetchOptions,
  type FetchRule,
  RuntimeContext,
} from "../client/src/index.ts";
import { isPublic } from "../client/src/fetch/addresses.ts";
import { type Fixture, startInProcess } from "./executor-fixture.ts";
import { callInfo, callTool } from "./source-fixture.ts";

const SECRET = "s3cr3t-t0k3n";

type Handler = (request: IncomingMessage, response: ServerResponse) => unknown;

/** A server on 127.0.0.<n>, and the requests that reached it. */
async function serve(address: string, handler: Handler, port = 0) {
  const seen: { line: string; headers: IncomingMessage["headers"]; body: string }[] = [];
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>)).toString();
    seen.push({ line: `${request.method} ${request.url}`, headers: request.headers, body });
    handler(request, response);
  });
  server.listen(port, address);
  await once(server, "listening");
  return {
    seen,
    port: (server.address() as AddressInfo).port,
    close: () => (server.closeAllConnections(), server.close()),
  };
}

/** What the server of these tests does, by path. */
const paths: Readonly<Record<string, Handler>> = {
  "/json": (_, response) =>
    response.writeHead(200, { "content-type": "application/json", "set-cookie": "id=1", "x-a": "1" }).end('{"a":"ä"}'),
  "/bytes": (_, response) => response.end(Buffer.from([0xff, 0, 1])),
  "/missing": (_, response) => response.writeHead(404).end("none"),
  "/echo": ({ headers }, response) =>
    response.writeHead(200, "fine", { "x-echo": `${headers.authorization}` }).end(JSON.stringify(headers)),
  "/large": (_, response) => response.end(Buffer.alloc(2_000_000, "x")),
  "/trickle": (_, response) => {
    response.writeHead(200);
    const more = () => response.destroyed || (response.write(Buffer.alloc(65_536)), setImmediate(more));
    more();
  },
  "/bomb": (_, response) =>
    response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(Buffer.alloc(50_000_000))),
  "/packed": (_, response) => response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("unpacked")),
  "/packed-loudly": (_, response) => response.writeHead(200, { "content-encoding": "GZip" }).end(gzipSync("unpacked")),
  "/deflated": (_, response) => response.writeHead(200, { "content-encoding": "deflate" }).end(deflateSync("unpacked")),
  "/deflated-raw": (_, response) =>
    response.writeHead(200, { "content-encoding": "deflate" }).end(deflateRawSync("unpacked")),
  "/packed-nothing": (_, response) => response.writeHead(200, { "content-encoding": "gzip" }).end(),
  "/packed-of-length-0": (_, response) =>
    response.writeHead(200, { "content-encoding": "br", "content-length": 0 }).end(),
  "/none": (_, response) => response.writeHead(204, { "content-encoding": "gzip" }).end(),
  "/unchanged": (_, response) => response.writeHead(304, { "content-length": 5_000_000 }).end(),
  "/long": (_, response) => response.writeHead(200, { "content-length": 5_000_000, "content-encoding": "gzip" }).end(),
  "/reset": ({ socket }) => socket.destroy(),
  "/see-reset": (_, response) => response.writeHead(303, { location: "/reset" }).end(),
  "/see-nowhere": (_, response) => response.writeHead(303, { location: "http://127.0.0.1:1/" }).end(),
  "/again-nowhere": (_, response) => response.writeHead(307, { location: "http://127.0.0.1:1/" }).end(),
  "/hang": () => {},
  "/half": (_, response) => response.writeHead(200, { "content-length": 100 }).write("half", () => response.destroy()),
  "/see-other": (_, response) => response.writeHead(303, { location: "/echo" }).end(),
  "/again": (_, response) => response.writeHead(307, { location: "/echo" }).end(),
  "/circle": (_, response) => response.writeHead(302, { location: "/circle" }).end(),
};

let home: Awaited<ReturnType<typeof serve>>;
let other: Awaited<ReturnType<typeof serve>>;
beforeAll(async () => {
  home = await serve("127.0.0.1", (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://x");
    const token = request.headers.authorization?.split(" ").at(-1) ?? "";
    const location = searchParams.get("to")?.replace("<token>", token) ?? null;
    if (location !== null) return response.writeHead(302, { location }).end();
    return (paths[pathname] as Handler)(request, response);
  });
  other = await serve("127.0.0.2", ({ headers }, response) => response.end(JSON.stringify(headers)));
});
afterAll(() => {
  home.close();
  other.close();
});

const origin = () => `http://127.0.0.1:${home.port}`;
const local = (rule: Partial<FetchRule> = {}): FetchRule => ({ host: origin(), privateAddresses: true, ...rule });

interface Answer {
  readonly status: number;
  readonly statusText: string;
  readonly url: string;
  readonly redirected: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

/** What `tools.fetch(input)` answers. */
function ask(input: object, options: Partial<FetchOptions> = {}, info = callInfo()): Promise<Answer> {
  const registry = new ComponentRegistry().registerFetch({ allow: [local()], ...options });
  return callTool(registry, "fetch", input, info) as Promise<Answer>;
}

describe("rules", () => {
  test.each([
    ["api.example.com", "https://api.example.com/x?y", true],
    ["api.example.com", "https://API.example.com:443/", true],
    ["api.example.com", "http://api.example.com/", false],
    ["api.example.com", "https://api.example.com:8443/", false],
    ["api.example.com", "https://api.example.com.evil.test/", false],
    ["api.example.com", "https://evil.test/?https://api.example.com", false],
    ["api.example.com", "https://xapi.example.com/", false],
    ["api.example.com", "https://api.example.com./", false],
    ["api.example.com:8443", "https://api.example.com:8443/", true],
    ["http://api.example.com", "http://api.example.com/", true],
    ["*.example.com", "https://a.b.example.com/", true],
    ["*.example.com", "https://example.com/", false],
    ["*.example.com", "https://notexample.com/", false],
    ["[2001:4860::1]", "https://[2001:4860::1]/", true],
    ["http://127.0.0.1", "http://2130706433/", true],
    ["bücher.example", "https://xn--bcher-kva.example/", true],
  ])("%s and %s: %s", async (host, url, isAllowed) => {
    // The name is looked up for what is allowed, and for nothing else.
    const asked: string[] = [];
    const lookup = async (name: string) => (asked.push(name), []);
    const error = isAllowed ? /^FETCH_(NOT_FOUND|PRIVATE_ADDRESS|FAILED)$/ : /^FETCH_NOT_ALLOWED$/;
    if (host.includes("[")) return expect(new URL(url).hostname).toBe(host); // needs no name, and a network to answer
    await expect(ask({ url }, { allow: [host], lookup })).rejects.toMatchObject({ code: expect.stringMatching(error) });
    expect(asked.length).toBe(isAllowed && !/\d{10}/.test(url) ? 1 : 0);
  });

  test.each([
    ["https://user:pw@api.example.com/", "FETCH_BAD_REQUEST"],
    ["file:///etc/passwd", "FETCH_NOT_ALLOWED"],
    ["data:text/plain,x", "FETCH_NOT_ALLOWED"],
    ["/relative", "FETCH_BAD_REQUEST"],
  ])("%s is none that can be fetched", async (url, code) => {
    await expect(ask({ url }, { allow: ["api.example.com", "*.passwd"] })).rejects.toMatchObject({ code });
  });

  test("of several the first that allows the method counts", async () => {
    const allow = [local(), local({ methods: ["post"], headers: () => ({ "x-rule": "2" }) })];
    const { body } = await ask({ url: `${origin()}/echo`, method: "post" }, { allow });
    expect(JSON.parse(body as string)).toMatchObject({ "x-rule": "2" });
    await expect(ask({ url: `${origin()}/echo`, method: "DELETE" }, { allow })).rejects.toMatchObject({
      code: "FETCH_NOT_ALLOWED",
      message: `fetch failed: the app does not allow DELETE ${origin()}; it allows ${origin()} (GET, HEAD); ${origin()} (POST)`,
    });
  });

  test.each([
    [{ allow: [] }, "it allows nothing"],
    [{ allow: ["*"] }, "a host is such as"],
    [{ allow: ["example.com/path"] }, "a host is such as"],
    [{ allow: ["*.10.0.0.1"] }, "a host is such as"],
    [{ allow: [{ host: "a.test", methods: ["TRACE"] }] }, '"TRACE" is no method'],
    [{ allow: [{ host: "a.test", privateAddresses: ["10.0.0.0/99"] }] }, '"10.0.0.0/99" is no address'],
    [{ allow: ["a.test"], maxResponseBytes: 1e9 }, "maxResponseBytes 1000000000 is no whole number from 0 to 700000"],
  ])("%j cannot be registered", (options, message) => {
    expect(() => new ComponentRegistry().registerFetch(options)).toThrow(message);
  });

  test("what only reads may be called again", () => {
    const idempotent = (allow: FetchOptions["allow"]) =>
      new ComponentRegistry().registerFetch({ allow }).getTool("fetch").idempotent;
    expect([idempotent(["a.test"]), idempotent(["a.test", { host: "b.test", methods: ["POST"] }])]).toEqual([
      true,
      false,
    ]);
  });
});

describe("addresses", () => {
  test.each([
    ["8.8.8.8", true],
    ["2606:4700::1111", true],
    ["127.0.0.1", false],
    ["10.1.2.3", false],
    ["172.31.0.1", false],
    ["192.168.1.1", false],
    ["169.254.169.254", false],
    ["100.100.100.200", false],
    ["168.63.129.16", false],
    ["0.0.0.0", false],
    ["255.255.255.255", false],
    ["224.0.0.1", false],
    ["::1", false],
    ["::", false],
    ["fe80::1%eth0", false],
    ["fd00:ec2::254", false],
    ["::ffff:127.0.0.1", false],
    ["::ffff:7f00:1", false],
    ["64:ff9b::7f00:1", false],
    ["2002:7f00:1::", false],
    ["ff02::1", false],
    ["", false],
  ])("%s is public: %s", (address, expected) => {
    expect(isPublic(address)).toBe(expected);
  });

  test.each([
    "http://127.0.0.1",
    "http://0x7f.1",
    "http://[::1]",
    "http://[::ffff:127.0.0.1]",
    "http://169.254.169.254",
  ])("%s is refused where the rule does not allow it", async (host) => {
    await expect(ask({ url: `${host}/` }, { allow: [host] })).rejects.toMatchObject({ code: "FETCH_PRIVATE_ADDRESS" });
  });

  const named = (rule: Partial<FetchRule> = {}) => [local({ host: `http://api.test:${home.port}`, ...rule })];
  const url = () => `http://api.test:${home.port}/json`;

  test("a name that means an address which is not public is refused, also among others", async () => {
    const lookup = async () => [
      { address: "93.184.216.34", family: 4 as const },
      { address: "127.0.0.1", family: 4 as const },
    ];
    const refused = ask({ url: url() }, { allow: named({ privateAddresses: ["10.0.0.0/8"] }), lookup });
    await expect(refused).rejects.toMatchObject({
      code: "FETCH_PRIVATE_ADDRESS",
      message: "fetch failed: api.test is not on the public internet, and the app's rule does not allow that",
    });
  });

  test("a name that means another place the second time is not asked a second time", async () => {
    // The address that is allowed, then the one that is meant to be reached: both listen on this port.
    const allowed = await serve("127.0.0.3", (_, response) => response.end("allowed"), home.port);
    let asked = 0;
    const lookup = async () => [{ address: asked++ === 0 ? "127.0.0.3" : "127.0.0.1", family: 4 as const }];
    const before = home.seen.length;
    const options = { allow: named({ privateAddresses: ["127.0.0.3"] }), lookup };
    expect(await ask({ url: url() }, options)).toMatchObject({ body: "allowed" });
    expect([asked, home.seen.length - before]).toEqual([1, 0]);
    expect(allowed.seen[0]?.headers.host).toBe(`api.test:${home.port}`);
    await expect(ask({ url: url() }, options)).rejects.toMatchObject({ code: "FETCH_PRIVATE_ADDRESS" });
    allowed.close();
  });

  test.each<[string, () => unknown]>([
    [
      "throws",
      () => {
        throw new Error("of the app");
      },
    ],
    ["rejects", () => Promise.reject(new Error("of the app"))],
    ["gives nothing", () => null],
    ["gives what is no address", () => [null, { address: "localhost" }, { address: 1 }]],
  ])("a lookup of the app's that %s finds no host", async (_, lookup) => {
    await expect(ask({ url: url() }, { allow: named(), lookup: lookup as never })).rejects.toMatchObject({
      code: "FETCH_NOT_FOUND",
      message: "fetch failed: there is no host api.test",
    });
  });

  test("a redirect is looked up and checked like the request before it", async () => {
    const lookup = async (name: string) => [
      { address: name === "api.test" ? "127.0.0.1" : "127.0.0.2", family: 4 as const },
    ];
    const allow = [
      ...named({ privateAddresses: ["127.0.0.1"] }),
      local({ host: "http://inner.test", privateAddresses: false }),
    ];
    const to = (target: string) =>
      ask({ url: `http://api.test:${home.port}/?to=${encodeURIComponent(target)}` }, { allow, lookup });
    await expect(to("http://inner.test/")).rejects.toMatchObject({ code: "FETCH_PRIVATE_ADDRESS" });
    await expect(to("http://169.254.169.254/latest/meta-data")).rejects.toMatchObject({ code: "FETCH_NOT_ALLOWED" });
    await expect(to("file:///etc/passwd")).rejects.toMatchObject({ code: "FETCH_NOT_ALLOWED" });
    await expect(to(`https://api.test:${home.port}/json`)).rejects.toMatchObject({ code: "FETCH_NOT_ALLOWED" });
  });
});

describe("secrets", () => {
  const info = () => callInfo(new RuntimeContext({}, { secrets: { token: SECRET } }));
  const bearer = () =>
    local({
      headers: ({ call }) => ({ Authorization: `Bearer ${call.context.require<string>("token")}` }),
    });

  test("are added by the app, win over the program's headers, and are not told where a server repeats them", async () => {
    const answer = await ask(
      { url: `${origin()}/echo`, headers: { authorization: "mine" } },
      { allow: [bearer()] },
      info(),
    );
    expect(home.seen.at(-1)?.headers.authorization).toBe(`Bearer ${SECRET}`);
    expect(JSON.stringify(answer)).not.toContain(SECRET);
    expect(answer.headers["x-echo"]).toMatch(/^\*+$/);
  });

  test("stay with their host when it redirects, and so do credentials of the program", async () => {
    const elsewhere = `http://127.0.0.2:${other.port}/`;
    const allow = [bearer(), local({ host: elsewhere.slice(0, -1) })];
    const url = `${origin()}/?to=${encodeURIComponent(elsewhere)}`;
    const { body } = await ask({ url, headers: { cookie: "a=1", "x-mine": "1" } }, { allow }, info());
    const headers = JSON.parse(body as string) as object;
    expect(headers).toMatchObject({ "x-mine": "1" });
    expect(Object.keys(headers)).not.toEqual(expect.arrayContaining(["authorization"]));
    expect(Object.keys(headers)).not.toEqual(expect.arrayContaining(["cookie"]));
  });

  test("are in no error", async () => {
    const failing: readonly (readonly [FetchRule["headers"], string])[] = [
      [() => ({ authorization: `a\r\nb${SECRET}` }), "the app's rule gives a header that cannot be sent"],
      [() => Promise.reject(new Error(SECRET)), "the app could not make the headers"],
    ];
    for (const [headers, message] of failing) {
      const error = await ask({ url: `${origin()}/json` }, { allow: [local({ headers: headers as never })] }).catch(
        String,
      );
      expect(error).toContain(message);
      expect(error).not.toContain(SECRET);
    }
    const broken = await ask({ url: `${origin()}/half` }, { allow: [bearer()] }, info()).catch(String);
    expect(broken).toBe("FetchError: fetch failed: the response broke off");
  });

  // In upper and lower case, of which hosts have one, and with what ends a host.
  test.each([
    ["http://[<token>", "S3cr3t-T0k3n"],
    ["https://<token>.evil.test/", "S3cr3t-T0k3n"],
    ["https://<token>.evil.test/", "s3cr3t/T0k3n"],
    ["https://user:<token>@evil.test/", "S3cr3t-T0k3n"],
    ["<token>:x", "S3cr3t-T0k3n"],
  ])("are in no error about a redirect to %s: %s", async (location, token) => {
    const allow = [local({ headers: () => ({ authorization: `Bearer ${token}` }) })];
    const url = `${origin()}/?to=${encodeURIComponent(location)}`;
    await expect(ask({ url }, { allow })).rejects.toMatchObject({
      code: expect.stringMatching(/^FETCH_(BAD_REQUEST|NOT_ALLOWED)$/),
      message: expect.not.stringMatching(/s3cr3t|t0k3n/i),
    });
  });

  test("are not in the URL to which a redirect has led; errors about others name the place", async () => {
    const allow = [local({ headers: () => ({ "x-api-key": "S3cr3t|T0k3n", authorization: "Bearer S3cr3t|T0k3n" }) })];
    const url = (to: string) => `${origin()}/?to=${encodeURIComponent(to)}`;
    const answer = await ask({ url: url("/json?key=<token>") }, { allow });
    expect(answer).toMatchObject({ redirected: true, url: expect.stringMatching(/\/json\?key=\*+$/) });
    await expect(ask({ url: url("https://other.test/") }, { allow })).rejects.toThrow(
      "the app does not allow GET https://other.test; it allows",
    );
  });

  test("are headers whose names say so, and those that the rule marks; what others say is told", async () => {
    const headers = () => ({
      accept: "application/json",
      "user-agent": "someone",
      "x-version": "2022-11-28",
      "x-api-key": "key-of-app",
      "X-Shop": "shop-of-app",
    });
    const { body } = await ask(
      { url: `${origin()}/echo` },
      { allow: [local({ headers, secretHeaders: ["x-shop", "X-None"] })] },
    );
    expect(home.seen.at(-1)?.headers).toMatchObject({ "x-api-key": "key-of-app", "x-shop": "shop-of-app" });
    expect(JSON.parse(body as string)).toMatchObject({
      accept: "application/json",
      "user-agent": "someone",
      "x-version": "2022-11-28",
      "x-api-key": "**********",
      "x-shop": "***********",
    });
  });

  test("cookies of the server stay with the app", async () => {
    const { headers } = await ask({ url: `${origin()}/json` });
    expect(Object.keys(headers)).toContain("x-a");
    expect(Object.keys(headers)).not.toContain("set-cookie");
  });
});

describe("sizes, times and redirects", () => {
  test.each(["/large", "/trickle", "/bomb"])(
    "a response that is too large is not read to its end: %s",
    async (path) => {
      await expect(ask({ url: origin() + path })).rejects.toMatchObject({ code: "FETCH_TOO_LARGE" });
    },
  );

  test("a request that is too large is not sent", async () => {
    const allow = [local({ methods: ["POST"] })];
    const request = { url: `${origin()}/echo`, method: "POST", body: "x".repeat(11) };
    await expect(ask(request, { allow, maxRequestBytes: 10 })).rejects.toMatchObject({ code: "FETCH_TOO_LARGE" });
    await ask(request, { allow, maxRequestBytes: 11 });
    expect(home.seen.at(-1)?.body).toBe("x".repeat(11));
  });

  test.each(["/packed", "/packed-loudly", "/deflated", "/deflated-raw"])(
    "what a server packs unasked is unpacked: %s",
    async (path) => {
      expect(await ask({ url: origin() + path })).toMatchObject({ body: "unpacked" });
    },
  );

  test.each([
    ["GET", "/packed-nothing", 200],
    ["GET", "/packed-of-length-0", 200],
    ["GET", "/none", 204],
    ["GET", "/unchanged", 304],
    ["HEAD", "/long", 200],
    ["HEAD", "/packed", 200],
  ])("what has no body has none, whatever its headers say: %s %s", async (method, path, status) => {
    expect(await ask({ url: origin() + path, method })).toMatchObject({ status, body: "" });
  });

  test.each([
    ["GET", "/reset", "FETCH_FAILED", true],
    ["DELETE", "/reset", "FETCH_FAILED", true],
    ["POST", "/reset", "FETCH_FAILED", false],
    ["GET", "/half", "FETCH_FAILED", true],
    ["POST", "/half", "FETCH_FAILED", false],
    ["POST", "/see-reset", "FETCH_FAILED", false],
    ["POST", "/see-nowhere", "FETCH_FAILED", false],
    ["POST", "/again-nowhere", "FETCH_FAILED", true], // the first has sent it on, and has not done it
    ["POST", "/hang", "FETCH_TIMEOUT", false],
  ])("what may have had its effect is not called retryable: %s %s", async (method, path, code, retryable) => {
    const methods = ["GET", "POST", "DELETE"];
    const allow = [local({ methods }), local({ host: "http://127.0.0.1:1", methods })];
    const failed = ask({ url: origin() + path, method }, { allow, timeoutMs: path === "/hang" ? 50 : 5_000 });
    await expect(failed).rejects.toMatchObject({ code, retryable });
  });

  test("a server that does not answer is waited for no longer than the app says, or the run", async () => {
    const late = ask({ url: `${origin()}/hang` }, { timeoutMs: 50 });
    await expect(late).rejects.toMatchObject({ code: "FETCH_TIMEOUT", retryable: true });
    const stuck = ask(
      { url: "https://a.test/" },
      { allow: ["a.test"], timeoutMs: 50, lookup: () => new Promise(() => {}) },
    );
    await expect(stuck).rejects.toMatchObject({ code: "FETCH_TIMEOUT" });
    const controller = new AbortController();
    const hanging = ask({ url: `${origin()}/hang` }, {}, callInfo(undefined, controller.signal));
    setTimeout(() => controller.abort(new Error("enough")), 20);
    await expect(hanging).rejects.toThrow("enough");
  });

  test("redirects are followed as browsers do, counted, or left to the program", async () => {
    const allow = [local({ methods: ["GET", "POST"] })];
    const post = { method: "POST", headers: { "content-type": "a/b" }, body: "x" };
    expect(await ask({ url: `${origin()}/see-other`, ...post }, { allow })).toMatchObject({
      url: `${origin()}/echo`,
      redirected: true,
    });
    expect(home.seen.at(-1)).toMatchObject({ line: "GET /echo", body: "" });
    await ask({ url: `${origin()}/again`, ...post }, { allow });
    expect(home.seen.at(-1)).toMatchObject({ line: "POST /echo", body: "x", headers: { "content-type": "a/b" } });
    await expect(ask({ url: `${origin()}/circle` })).rejects.toMatchObject({ code: "FETCH_TOO_MANY_REDIRECTS" });
    expect(await ask({ url: `${origin()}/circle`, redirect: "manual" })).toMatchObject({
      status: 302,
      headers: { location: "/circle" },
    });
    await expect(ask({ url: `${origin()}/circle`, redirect: "error" })).rejects.toMatchObject({ code: "FETCH_FAILED" });
  });

  test("headers of the connection are not the program's, and none has a line break", async () => {
    const { body } = await ask({
      url: `${origin()}/echo`,
      headers: { Host: "evil.test", "Transfer-Encoding": "chunked", Connection: "upgrade" },
    });
    expect(JSON.parse(body as string)).toMatchObject({ host: `127.0.0.1:${home.port}`, connection: "close" });
    await ask({
      url: `${origin()}/echo`,
      headers: { Forwarded: "for=10.0.0.1", "X-Forwarded-For": "1", X_Real_IP: "1" },
    });
    expect(Object.keys(home.seen.at(-1)?.headers ?? {}).join()).not.toMatch(/forwarded|real/);
    const split = ask({ url: `${origin()}/echo`, headers: { a: "b\r\nHost: evil.test" } });
    await expect(split).rejects.toMatchObject({ code: "FETCH_BAD_REQUEST" });
  });
});

test.each(["X-HTTP-Method-Override", "x-method-override", "X_HTTP_METHOD", "x-original-url", "X-Rewrite-URL"])(
  "%s, by which a request would be another one, is refused",
  async (name) => {
    const before = home.seen.length;
    const asked = ask({ url: `${origin()}/echo`, headers: { [name]: "DELETE" } });
    await expect(asked).rejects.toMatchObject({ code: "FETCH_NOT_ALLOWED" });
    expect(home.seen.length).toBe(before);
  },
);

describe("in a program", () => {
  let executor: Fixture;
  beforeAll(async () => {
    executor = await startInProcess();
  });
  afterAll(() => executor[Symbol.asyncDispose]());

  async function run(
    code: string,
    registry = new ComponentRegistry().registerFetch({ allow: [local({ methods: ["GET", "POST"] })] }),
    budgets: ExecuteOptions["budgets"] = {},
  ) {
    const config = { executor: { mode: "remote", url: executor.executor.address } } as const;
    await using codemode = Codemode.fromClientConfig({ registry, config });
    return await codemode.withContext({ at: origin() }).execute(code, { budgets });
  }

  test.each<[string, unknown]>([
    [
      `const r = await fetch(context.at + "/json"); return [r.ok, r.status, r.headers.get("Content-Type"), r.bodyUsed, await r.json(), r.bodyUsed]`,
      [true, 200, "application/json", false, { a: "ä" }, true],
    ],
    [
      `const r = await fetch(new URL(context.at + "/missing")); return [r.ok, r.statusText, await r.text()]`,
      [false, "Not Found", "none"],
    ],
    [`return new Uint8Array(await (await fetch(context.at + "/bytes")).arrayBuffer())`, new Uint8Array([0xff, 0, 1])],
    [
      `const r = await fetch(context.at + "/echo", { method: "post", headers: new Headers([["X-A", "1"]]), body: new URLSearchParams({ q: "a b" }) });
       const { "x-a": a, "content-type": type, "content-length": length } = await r.clone().json(); return [a, type, length, r.url === context.at + "/echo"]`,
      ["1", "application/x-www-form-urlencoded;charset=UTF-8", "5", true],
    ],
    [
      `const r = await fetch(context.at + "/echo", { method: "POST", body: new Uint8Array([1, 2, 3]).subarray(1) }); return (await r.json())["content-length"]`,
      "2",
    ],
    [`return (await tools.fetch({ url: context.at + "/missing" })).status`, 404],
    [`return [typeof fetch, typeof Headers, typeof Response]`, ["function", "function", "function"]],
    [
      `try { await fetch("https://evil.test/") } catch (e) { return [e instanceof Error, e.name, e.code] }`,
      [true, "FetchError", "FETCH_NOT_ALLOWED"],
    ],
    [
      `try { await fetch(context.at, { method: "POST", body: { a: 1 } }) } catch (e) { return e.message }`,
      "The body of a request is text or bytes: use JSON.stringify(…)",
    ],
    [
      `const c = new AbortController(); setTimeout(() => c.abort(new Error("enough")), 20);
       try { await fetch(context.at + "/hang", { signal: c.signal }) } catch (e) { return e.message }`,
      "enough",
    ],
    [`try { await fetch(context.at, { signal: AbortSignal.abort() }) } catch (e) { return e.name }`, "AbortError"],
    [
      `try { fetch(context.at + "/json").json() } catch (e) { return e.message }`,
      "fetch() gives a promise, and its .json is used without `await`",
    ],
  ])("%s", async (code, value) => {
    expect((await run(code)).unwrap()).toEqual(value);
  });

  test("an aborted fetch is given up in the app as well", async () => {
    const gone = Promise.withResolvers<void>();
    const server = await serve("127.0.0.1", (_, response) => void response.once("close", () => gone.resolve()));
    const registry = new ComponentRegistry().registerFetch({
      allow: [local({ host: `http://127.0.0.1:${server.port}` })],
    });
    const outcome = await run(
      `const c = new AbortController(); setTimeout(() => c.abort(), 20);
       await fetch("http://127.0.0.1:${server.port}/", { signal: c.signal }).catch(() => {})`,
      registry,
    );
    expect(outcome.calls.find(({ name }) => name === "fetch")?.state).toBe("unknown"); // what the server did of it nobody knows
    await gone.promise;
    server.close();
  });

  test("requests may be given up faster than the app stops them", async () => {
    let [open, most] = [0, 0];
    const slowToStop = (_: unknown, { signal }: CallInfo) =>
      new Promise((_resolve, reject) => {
        most = Math.max(most, (open += 1));
        signal.addEventListener("abort", () => setTimeout(() => ((open -= 1), reject(signal.reason as Error)), 5));
      });
    const code = `for (let n = 0; n < 20; n++) {
      const c = new AbortController();
      setTimeout(() => c.abort(), 1);
      await fetch(context.at, { signal: c.signal }).catch(() => {});
    }
    return "end"`;
    const registry = new ComponentRegistry().registerTool("fetch", { description: "", execute: slowToStop });
    expect((await run(code, registry, { maxCallsInFlight: 2 })).unwrap()).toBe("end");
    expect(most).toBe(2);
  });

  test("without registerFetch there is none, and the error says what to do", async () => {
    const outcome = await run(`return [typeof Headers, await fetch("https://x.test")]`, new ComponentRegistry());
    expect(outcome.error).toMatchObject({
      message: "fetch is not defined",
      hint: "The sandbox has no network: use a tool for it",
    });
  });

  test("an app's own tool of this name answers what it answers", async () => {
    const own = { description: "", execute: (input: unknown) => ({ got: input }) };
    const registry = new ComponentRegistry().registerTool("fetch", own);
    const got = await run(`return [await fetch("u"), await fetch({ url: "u", a: 1 })]`, registry);
    expect(got.unwrap()).toEqual([{ got: { url: "u" } }, { got: { url: "u", a: 1 } }]);
  });
});
