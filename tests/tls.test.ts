import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { createSecureServer } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { readFileSync } from "node:fs";
import { connect } from "node:tls";
import {
  type ClientConfigInput,
  Codemode,
  ComponentRegistry,
  ConfigError,
  ExecutorConnectionError,
  type Logger,
} from "@codemode/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Certificates, validity } from "./certificates.ts";
import { closedSocket, rawSocket } from "./raw-grpc.ts";
import { ChildExecutor, type Fixture, startInProcess } from "./executor-fixture.ts";
import { frame, FRAME, PREFACE } from "./fuzz/http2.ts";
import { descriptorsOf } from "./processes.ts";

type Tls = NonNullable<ClientConfigInput["tls"]>;

const KEY = "a-key-of-16-chars";
let ours: Certificates;
let foreign: Certificates;
let stale: Certificates;

beforeAll(async () => {
  [ours, foreign, stale] = await Promise.all([
    Certificates.make(),
    Certificates.make(),
    Certificates.make(validity(2, 1)),
  ]);
});
afterAll(() => [ours, foreign, stale].forEach((certificates) => certificates[Symbol.dispose]()));

function start(env: Record<string, string>): Promise<Fixture> {
  return startInProcess({ CODEMODE_EXECUTOR_API_KEY: KEY, CODEMODE_EXECUTOR_WORKERS: "2", ...env });
}

function portOf({ executor }: Fixture): string {
  return executor.address.split(":").at(-1)!;
}

function clientOf(
  executor: Fixture,
  tls: Tls,
  options: { registry?: ComponentRegistry; logger?: Logger } = {},
): Codemode {
  return to(`https://localhost:${portOf(executor)}`, tls, options);
}

function to(url: string, tls: Tls, options: { registry?: ComponentRegistry; logger?: Logger } = {}): Codemode {
  const config = { executor: { mode: "remote", url, apiKey: KEY }, tls, retry: { enabled: false } } as const;
  return Codemode.fromClientConfig({ ...options, config });
}

/** What a new connection to an executor is shown. */
async function presented(executor: Fixture): Promise<string> {
  const socket = connect({ port: Number(portOf(executor)), rejectUnauthorized: false, ALPNProtocols: ["h2"] });
  await once(socket, "secureConnect");
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

function fingerprint(cert: string): string {
  return new X509Certificate(cert).fingerprint256;
}

/** A tool that answers when it is told to. */
function pendingTool() {
  const called = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<string>();
  const registry = new ComponentRegistry();
  registry.registerTool("ask", {
    description: "Answers later",
    execute: () => {
      called.resolve();
      return answer.promise;
    },
  });
  return { registry, called: called.promise, answer: answer.resolve };
}

describe("an executor with TLS", () => {
  let executor: Fixture;
  beforeAll(async () => {
    executor = await start(ours.server);
  });
  afterAll(() => executor[Symbol.asyncDispose]());

  test.each(["https://localhost", "https://127.0.0.1"])(
    "runs a program of a client at %s (tls.caFile)",
    async (host) => {
      await using codemode = to(`${host}:${portOf(executor)}`, ours.anyone);
      expect(await codemode.execute("return 6 * 7")).toMatchObject({ status: "ok", value: 42 });
    },
  );

  test("is known by the name that tls.serverName says", async () => {
    await using right = clientOf(executor, { ...ours.anyone, serverName: "127.0.0.1" });
    expect(await right.execute("return 1")).toMatchObject({ value: 1 });
    await using wrong = clientOf(executor, { ...ours.anyone, serverName: "other.internal" });
    await expect(wrong.execute("return 1")).rejects.toThrow(/Host: other\.internal.*tls\.serverName/);
  });

  test("is not trusted for the certificate of another authority, or of one that nobody has named", async () => {
    for (const tls of [foreign.anyone, {}]) {
      await using codemode = clientOf(executor, tls);
      await expect(codemode.execute("return 1")).rejects.toThrow(ExecutorConnectionError);
      await expect(codemode.execute("return 1")).rejects.toThrow(/unable to verify the first certificate; tls\.caFile/);
    }
  });

  test("is not spoken to in clear text, nor one without in TLS, and what is said tells why", async () => {
    await using clear = to(executor.executor.address, {});
    await expect(clear.execute("return 1")).rejects.toThrow(/does it speak TLS, which is https:/);
    await using other = await startInProcess({ CODEMODE_EXECUTOR_API_KEY: KEY });
    await using secure = clientOf(other, ours.anyone);
    await expect(secure.execute("return 1")).rejects.toThrow(/wrong version number; does it speak TLS\?/);
  });
});

test("there is room for some handshakes, the first of which goes when another comes, and none takes long", async () => {
  await using executor = await start(ours.server);
  const sockets: Socket[] = [];
  for (let i = 0; i < 129; i++) {
    const socket = rawSocket(executor.executor.address);
    sockets.push(socket);
    await once(socket, "connect"); // so that the executor sees them in this order
  }
  await closedSocket(sockets[0]!);
  const second = connect({ socket: sockets[1]!, rejectUnauthorized: false, ALPNProtocols: ["h2"] });
  await once(second, "secureConnect");
  second.destroy();
  await using codemode = clientOf(executor, ours.anyone);
  expect(await codemode.execute("return 1")).toMatchObject({ value: 1 });
  await Promise.all(sockets.map((socket) => closedSocket(socket)));
});

test("connections that their peers reset in the middle of a wrong word are closed", async () => {
  const env = { CODEMODE_EXECUTOR_LISTEN: "127.0.0.1:0", CODEMODE_EXECUTOR_WORKERS: "1" };
  await using executor = await ChildExecutor.start({ ...ours.server, ...env }, KEY);
  await using codemode = to(`https://${executor.address}`, ours.anyone);
  expect(await codemode.execute("return 1")).toMatchObject({ value: 1 }); // what it opens once is open
  const descriptors = () => descriptorsOf(executor.child.pid!);
  const before = descriptors();

  const opening = Buffer.concat([PREFACE, frame(FRAME.settings, 0, 0, Buffer.alloc(0))]);
  const wrongPing = frame(FRAME.ping, 0, 0, Buffer.alloc(9));
  const one = async (): Promise<void> => {
    const socket = rawSocket(executor.address);
    const secure = connect({ socket, rejectUnauthorized: false, ALPNProtocols: ["h2"] }).on("error", () => {});
    await once(secure, "secureConnect");
    for (const bytes of [opening, wrongPing, Buffer.alloc(60_000)]) secure.write(bytes);
    await new Promise((resolve) => setImmediate(resolve));
    socket.resetAndDestroy();
  };
  for (let i = 0; i < 20; i++) await Promise.all([one(), one(), one(), one(), one()]); // Node leaves a quarter and more half ended
  await expect.poll(descriptors, { timeout: 15_000 }).toBeLessThanOrEqual(before);
});

test("a peer that does not ask for HTTP/2 is not answered", async () => {
  await using executor = await start(ours.server);
  const socket = connect({ port: Number(portOf(executor)), rejectUnauthorized: false });
  const heard: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => heard.push(chunk)).on("error", () => {});
  await once(socket, "close");
  expect(Buffer.concat(heard).toString()).toBe("");
});

test("a certificate that has expired is not trusted", async () => {
  const server = createSecureServer({
    cert: readFileSync(stale.path("server")),
    key: readFileSync(stale.path("server-key")),
  });
  server.on("sessionError", () => {}).listen(0, "localhost");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const ca = ours.write("both", readFileSync(ours.path("ca"), "utf8") + stale.authority.cert);
  await using codemode = to(`https://localhost:${port}`, { caFile: ca });
  await expect(codemode.execute("return 1")).rejects.toThrow(/certificate has expired/);
  server.close();
});

describe("an executor that asks for certificates", () => {
  let executor: Fixture;
  beforeAll(async () => {
    executor = await start(ours.mutualServer);
  });
  afterAll(() => executor[Symbol.asyncDispose]());

  test("runs a program of a client with one of its authority (tls.certFile, tls.keyFile)", async () => {
    await using codemode = clientOf(executor, ours.client);
    expect(await codemode.execute("return 6 * 7")).toMatchObject({ status: "ok", value: 42 });
  });

  test("turns away a client without, even with the right key", async () => {
    await using codemode = clientOf(executor, ours.anyone);
    await expect(codemode.execute("return 1")).rejects.toThrow(/certificate required; .* set tls\.certFile/);
  });

  test("turns away a client with one of another authority", async () => {
    const { certFile, keyFile } = foreign.client;
    await using codemode = clientOf(executor, { ...ours.anyone, certFile, keyFile });
    await expect(codemode.execute("return 1")).rejects.toThrow(ExecutorConnectionError);
  });
});

describe("certificates that are replaced", () => {
  test("are what an executor presents from then on, and a run that is open goes on", async () => {
    using mine = await Certificates.make();
    const before = fingerprint(readFileSync(mine.path("server"), "utf8"));
    await using executor = await start(mine.server);
    const { registry, called, answer } = pendingTool();
    await using codemode = clientOf(executor, mine.anyone, { registry });
    const run = codemode.execute("return await tools.ask({})");
    await called;
    expect(await presented(executor)).toBe(before);

    const { cert, key } = await mine.authority.issue({ name: "Next", hosts: ["localhost"] });
    mine.write("server", cert); // its key is yet to come
    expect(await presented(executor)).toBe(before);
    expect(await presented(executor)).toBe(before);
    mine.write("server-key", key);
    expect(await presented(executor)).toBe(fingerprint(cert));

    const message = expect.stringMatching(/^CODEMODE_EXECUTOR_TLS_KEY_FILE: .*it is not the key of the certificate/);
    expect(executor.log.filter((line) => "message" in line)).toEqual([expect.objectContaining({ message })]);
    answer("still here");
    expect(await run).toMatchObject({ status: "ok", value: "still here", attempts: 1 });
    await using next = clientOf(executor, mine.anyone);
    expect(await next.execute("return 1")).toMatchObject({ value: 1 });
  });

  test("of a client's authority decide about the next connection, and a run that is open goes on", async () => {
    using mine = await Certificates.make();
    await using executor = await start(mine.mutualServer);
    const caFile = mine.write("servers", mine.authority.cert);
    const { registry, called, answer } = pendingTool();
    await using codemode = clientOf(executor, { ...mine.client, caFile }, { registry });
    const run = codemode.execute("return await tools.ask({})");
    await called;
    mine.write("ca", foreign.authority.cert);
    await using next = clientOf(executor, { ...foreign.client, caFile });
    expect(await next.execute("return 1")).toMatchObject({ value: 1 });
    await using past = clientOf(executor, { ...mine.client, caFile });
    await expect(past.execute("return 1")).rejects.toThrow(ExecutorConnectionError);
    answer("still here");
    expect(await run).toMatchObject({ value: "still here", attempts: 1 });
  });

  test("are what a client presents and trusts from its next attempt on, and a run that is open goes on", async () => {
    using mine = await Certificates.make();
    await using executor = await start(ours.mutualServer);
    mine.write("ca", ours.authority.cert);
    await mine.issue("client", undefined, ours.authority);
    const { registry, called, answer } = pendingTool();
    const warnings: string[] = [];
    const logger: Logger = { debug() {}, info() {}, error() {}, warn: (_, message) => void warnings.push(message) };
    await using codemode = clientOf(executor, mine.client, { registry, logger });
    const run = codemode.execute("return await tools.ask({})");
    await called;

    mine.write("client", "nonsense");
    expect(await codemode.execute("return 1")).toMatchObject({ value: 1 });
    expect(await codemode.execute("return 2")).toMatchObject({ value: 2 });
    expect(warnings).toEqual([expect.stringMatching(/^tls\.certFile: .*there is no certificate in it$/)]);

    await mine.issue("client"); // by an authority that is not the executor's
    await expect(codemode.execute("return 3")).rejects.toThrow(ExecutorConnectionError);
    await mine.issue("client", undefined, ours.authority);
    expect(await codemode.execute("return 4")).toMatchObject({ value: 4 });
    mine.write("ca", foreign.authority.cert);
    await expect(codemode.execute("return 5")).rejects.toThrow(/tls\.caFile/);

    answer("still here");
    expect(await run).toMatchObject({ status: "ok", value: "still here", attempts: 1 });
  });
});

describe("files that cannot be used", () => {
  const files: readonly (readonly [why: string, break_: (mine: Certificates) => unknown, message: RegExp])[] = [
    ["a certificate that is not there", (mine) => mine.write("server", ""), /there is no certificate in it/],
    [
      "a certificate that is cut",
      (mine) => mine.write("server", readFileSync(mine.path("server"), "utf8").replace(/M.{20}/, "")),
      /a certificate in it cannot be read/,
    ],
    ["a key that is none", (mine) => mine.write("server-key", "nonsense"), /_TLS_KEY_FILE: .*there is no key in it/],
    [
      "a key of another certificate",
      (mine) => mine.write("server-key", readFileSync(mine.path("client-key"), "utf8")),
      /_TLS_KEY_FILE: .*it is not the key of the certificate in ".*server\.pem"/,
    ],
    [
      "a certificate that has expired",
      (mine) => mine.write("server", readFileSync(stale.path("server"), "utf8")),
      /_TLS_CERT_FILE: .*"CN=Test server" has expired on 20/,
    ],
    [
      "an authority that has expired",
      (mine) => mine.write("ca", stale.authority.cert),
      /_TLS_CLIENT_CA_FILE: .*has expired on 20/,
    ],
    [
      "a file that is too large",
      (mine) => mine.write("ca", "x".repeat(2 ** 20 + 1)),
      /_TLS_CLIENT_CA_FILE: .*larger than 1 MiB/,
    ],
  ];
  test.each(files)("%s: the executor does not start, and names the variable", async (_why, breakIt, message) => {
    using mine = await Certificates.make();
    breakIt(mine);
    await expect(start(mine.mutualServer)).rejects.toThrow(message);
    await expect(start(mine.mutualServer)).rejects.toMatchObject({ code: "INVALID_CONFIG" });
  });

  const incomplete: readonly (readonly [env: Record<string, string>, message: RegExp])[] = [
    [{ CODEMODE_EXECUTOR_TLS_CERT_FILE: "/none" }, /_TLS_KEY_FILE: it is needed beside/],
    [{ CODEMODE_EXECUTOR_TLS_KEY_FILE: "/none" }, /_TLS_CERT_FILE: it is needed beside .*KEY_FILE/],
    [{ CODEMODE_EXECUTOR_TLS_CLIENT_CA_FILE: "/none" }, /_TLS_CERT_FILE: it is needed beside .*CLIENT_CA_FILE/],
    [
      { CODEMODE_EXECUTOR_TLS_CERT_FILE: "/none", CODEMODE_EXECUTOR_TLS_KEY_FILE: "/none" },
      /_TLS_CERT_FILE: cannot use "\/none": it cannot be read \(ENOENT\)/,
    ],
    [
      {
        CODEMODE_EXECUTOR_TLS_CERT_FILE: "/none",
        CODEMODE_EXECUTOR_TLS_KEY_FILE: "/none",
        CODEMODE_EXECUTOR_LISTEN: "unix:/tmp/x",
      },
      /a unix: socket has no TLS/,
    ],
  ];
  test.each(incomplete)("%j: the executor does not start", async (env, message) => {
    await expect(start(env)).rejects.toThrow(message);
  });

  test("a client names the keys, before it connects to anybody", () => {
    const make = (tls: Tls) => () => to("https://localhost:1", tls);
    expect(make({ caFile: "/none" })).toThrow(
      /^config\.tls\.caFile: cannot use "\/none": it cannot be read \(ENOENT\)$/,
    );
    expect(make({ certFile: ours.path("client") })).toThrow("config.tls.certFile: needs tls.keyFile");
    expect(make({ keyFile: ours.path("client-key") })).toThrow("config.tls.keyFile: needs tls.certFile");
    expect(make({ certFile: ours.path("client"), keyFile: ours.path("server-key") })).toThrow(
      /^config\.tls\.keyFile: /,
    );
    expect(make({ caFile: "/none" })).toThrow(ConfigError);
  });

  test("are no matter to a client that starts its own executor", async () => {
    await using codemode = Codemode.fromClientConfig({ config: { tls: { caFile: "/none" } } });
    expect(await codemode.execute("return 1")).toMatchObject({ value: 1 });
  });
});

describe("a key in clear text (executor.allowInsecureKey)", () => {
  const make = (url: string, executor: ClientConfigInput["executor"] = { apiKey: KEY }) =>
    Codemode.fromClientConfig({ config: { executor: { mode: "remote", url, ...executor } } });

  test.each([
    "host:1",
    "10.0.0.1:8001",
    "http://host",
    "dns:///host:1",
    "127.0.0.1:1, host:1",
    "127.0.0.1.evil:1",
    "[::2]:1",
  ])("is not sent to %s, unless it is allowed", async (url) => {
    expect(() => make(url)).toThrow(ConfigError);
    expect(() => make(url)).toThrow(
      /^config\.executor\.apiKey: .* in clear text to .*; write https:\/\/ .*allowInsecureKey/,
    );
    expect(() => make(url)).not.toThrow(KEY);
    await make(url, { apiKey: KEY, allowInsecureKey: true }).close();
    await make(url, {}).close();
  });

  test.each([
    "127.0.0.1:1",
    "localhost:1",
    "http://[::1]:1",
    "unix:/tmp/s",
    "https://host",
    "dns:///localhost:1,https://h",
  ])("is no matter at %s", (url) => make(url).close());
});
