// `codemode mcp`: sets of MCP servers behind one tool, driven by the official clients.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as TransportV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { afterAll, expect, test } from "vitest";
import {
  type AnyClient,
  BIN,
  ConfigFolder,
  HttpCommand,
  publicServers,
  stdioClients,
  upstream,
} from "./mcp-command.ts";
import { startInProcess } from "./executor-fixture.ts";
import { gone, processesBelow } from "./processes.ts";
import { runCommand } from "./setup/command.ts";

// One executor for all but the first test: each of their own would take a second.
const executor = await startInProcess();
afterAll(() => executor[Symbol.asyncDispose]());
const env = { CODEMODE_EXECUTOR_URL: executor.executor.address };

interface Result {
  readonly isError?: boolean;
  readonly content: readonly { readonly text?: string }[];
  readonly structuredContent?: { readonly value: unknown };
}

const execute = async (client: AnyClient, code: string) =>
  (await client.callTool({ name: "execute_code", arguments: { code } })) as Result;

/** One program over all three public servers at once. */
const PROGRAM = (folder: string) => `
  const [sum, file, made] = await Promise.all([
    tools.everything.get_sum({ a: 40, b: 2 }),
    tools.filesystem.read_text_file({ path: ${JSON.stringify(join(folder, "a.txt"))} }),
    tools.memory.create_entities({ entities: [{ name: "ada", entityType: "person", observations: ["wrote"] }] }),
  ]);
  const { entities } = await tools.memory.read_graph();
  return { sum, file: file.content, made: made.entities.length, remembered: entities.map(({ name }) => name) };`;
const VALUE = { sum: "The sum of 40 and 2 is 42.", file: "hello", made: 1, remembered: ["ada"] };

test("stdio: three public servers behind one program, by the official client; closed, nothing is left", async () => {
  using folder = new ConfigFolder(publicServers);
  writeFileSync(join(folder.path, "a.txt"), "hello");
  const { client, pid } = await stdioClients.v2(folder.path);
  const { tools } = await client.listTools();
  expect(tools).toMatchObject([{ name: "execute_code", inputSchema: { required: ["code"] } }]);
  for (const name of ["everything", "filesystem", "memory"]) expect(tools[0]?.description).toContain(name);
  const result = await execute(client, PROGRAM(folder.path));
  expect(result.structuredContent).toMatchObject({ value: VALUE });
  expect(result.content[0]?.text).toContain("The sum of 40 and 2 is 42.");
  const failed = await execute(client, "return await tools.everything.get_sum({ a: 'x' })");
  expect(failed).toMatchObject({
    isError: true,
    content: [{ text: expect.stringMatching(/^ToolInputError in everything.get-sum/) }],
  });
  const children = processesBelow(pid);
  expect(children.length).toBeGreaterThanOrEqual(4); // three servers and the executor
  await client.close();
  await gone([pid, ...children.map((child) => child.pid)]);
});

test("HTTP and stdio, by the official clients of both versions, and a key if there is one", async () => {
  using folder = new ConfigFolder(() => ({ one: upstream }));
  await using command = await HttpCommand.start(folder.path, { ...env, CODEMODE_MCP_API_KEY: "sesame" });
  const requestInit = { headers: { Authorization: "Bearer sesame" } };
  const http: Record<string, () => Promise<AnyClient>> = {
    "2, as of 2025": async () =>
      connected(new Client(me), new StreamableHTTPClientTransport(command.url, { requestInit })),
    "2, as of 2026": async () =>
      connected(
        new Client(me, { versionNegotiation: { mode: { pin: "2026-07-28" } } }),
        new StreamableHTTPClientTransport(command.url, { requestInit }),
      ),
    "1": async () => {
      const client = new ClientV1(me);
      await client.connect(new TransportV1(command.url, { requestInit }));
      return client;
    },
    "1, on stdio": async () => (await stdioClients.v1(folder.path, env)).client,
  };
  const seen: unknown[] = [];
  for (const [version, connect] of Object.entries(http)) {
    const client = await connect();
    const { tools } = await client.listTools();
    const { structuredContent } = await execute(client, "return [40 + 2, await tools.one.secret()]");
    seen.push([version, tools.map(({ name }) => name), structuredContent?.value]);
    await client.close();
  }
  expect(seen).toEqual(Object.keys(http).map((version) => [version, ["execute_code"], [42, "t0p-s3cret"]]));
  const stranger = new Client(me);
  await expect(stranger.connect(new StreamableHTTPClientTransport(command.url))).rejects.toThrow(/401|bearer/i);
  expect(command.stdout).toBe("");
  expect(command.stderr).toContain("[one] the secret is **********");
  expect(command.stderr).not.toMatch(/t0p|sesame/);
});

test("HTTP: a client that goes away ends its program, and the calls of that", async () => {
  using folder = new ConfigFolder(() => ({ one: upstream }));
  await using command = await HttpCommand.start(folder.path, env);
  const gone = new AbortController();
  const call = fetch(command.url, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "tools/call",
      params: { name: "execute_code", arguments: { code: "return await tools.one.hang()" } },
    }),
    signal: gone.signal,
  }).then((response) => response.text());
  await command.says(/\[one\] hanging/);
  gone.abort(new Error("enough"));
  await expect(call).rejects.toThrow("enough");
  await command.says(/\[one\] let go/);
});

test("a page that was led here is refused before its request is read", async () => {
  const tries: readonly (readonly [row: string, headers: Record<string, string>, status: number])[] = [
    ["by DNS", { host: "evil.example" }, 403],
    ["by DNS, with our port", { host: "evil.example:1234" }, 403],
    ["from elsewhere", { origin: "https://evil.example" }, 403],
    ["from a file", { origin: "null" }, 403],
    ["from this machine", { origin: "http://localhost:5173" }, 200],
    ["by a name that is allowed", { host: "box.internal", origin: "http://box.internal" }, 200],
  ];
  using folder = new ConfigFolder(() => ({ one: upstream }));
  await using command = await HttpCommand.start(folder.path, env, ["--http", "0", "--allow-host", "box.internal"]);
  const list = { jsonrpc: "2.0", id: 1, method: "tools/list" };
  const seen = tries.map(async ([row, headers]) => [row, headers, await post(command.url, headers, list)]);
  expect(await Promise.all(seen)).toEqual(tries);
  expect(await post(new URL("/other", command.url), {}, {})).toBe(404);
  const children = processesBelow(command.pid);
  await command.stop();
  await gone(children.map(({ pid }) => pid));
});

test("a server that cannot start is named with its place, and the others go on; so they do when one dies", async () => {
  using folder = new ConfigFolder(() => ({
    missing: { command: "no-such-command" },
    silent: { command: process.execPath, args: ["--eval", "console.error('no luck')"] },
    mortal: upstream,
    other: upstream,
  }));
  let stderr = "";
  const { client } = await stdioClients.v2(folder.path, env, (chunk) => (stderr += chunk));
  expect(stderr).toContain('mcp.json:3:3: server "missing": cannot be used, its command cannot be started (ENOENT)');
  expect(stderr).toMatch(/\[silent\] no luck/);
  expect(stderr).toMatch(/server "silent": cannot be used, it has ended before it answered/);
  const code = "return await tools.mortal.die().catch((e) => e.message)";
  const died = await execute(client, code);
  expect(died.structuredContent?.value).toBe('The MCP server "mortal" has ended: none of its tools can be called');
  expect((await execute(client, code)).structuredContent).toEqual(died.structuredContent);
  expect(await execute(client, "return await tools.other.secret()")).toMatchObject({
    structuredContent: { value: "t0p-s3cret" },
  });
  expect(stderr).toMatch(/mcp\.json:\d+:3: server "mortal": has ended/);
  expect(stderr).not.toContain("t0p-s3cret");
  await client.close();
});

test("when a server gets another tool, the client is told, and programs have it", async () => {
  using folder = new ConfigFolder(() => ({ one: upstream }));
  const { client } = await stdioClients.v2(folder.path, env);
  const told = new Promise((resolve) => client.setNotificationHandler("notifications/tools/list_changed", resolve));
  expect((await client.listTools()).tools[0]?.description).not.toContain("grown");
  await execute(client, "return await tools.one.grow()");
  await told;
  expect((await client.listTools()).tools[0]?.description).toContain("grown");
  expect(await execute(client, "return await tools.one.grown()")).toMatchObject({
    structuredContent: { value: "late" },
  });
  await client.close();
});

test("stdout has nothing but the protocol, and the end of stdin is the end", async () => {
  using folder = new ConfigFolder(() => ({ one: upstream }));
  const child = spawn(process.execPath, [BIN, "mcp", "--config", "mcp.json"], {
    cwd: folder.path,
    stdio: ["pipe", "pipe", "ignore"],
    env: { ...process.env, ...env },
  });
  const exited = once(child, "exit");
  const params = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: me };
  child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params })}\n`);
  const lines: unknown[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(JSON.parse(line));
    child.stdin.end();
  }
  expect(lines).toMatchObject([{ jsonrpc: "2.0", id: 1, result: { serverInfo: { name: "codemode" } } }]);
  expect(await exited).toEqual([0, null]);
});

test("what cannot work is told before anything starts", async () => {
  using folder = new ConfigFolder(() => ({ "a b": upstream, a_b: upstream }));
  writeFileSync(join(folder.path, "missing.json"), '{"mcpServers": {"a": {"command": "no-such-command"}}}');
  const run = (...args: string[]) => runCommand(folder.path, ["mcp", "--config", ...args]);
  const ended = await Promise.all([
    run("mcp.json"),
    run("mcp.json", "--http", "x"),
    run("mcp.json", "--http", "0.0.0.0:0"),
    run("missing.json"),
  ]);
  const place = /mcp\.json:\d+:3: server "a_b": its tools are tools\.a_b, as of mcp\.json:3:3/;
  expect(ended).toMatchObject([
    { exitCode: 78, stdout: "", stderr: expect.stringMatching(place) },
    { exitCode: 2, stdout: "", stderr: expect.stringContaining("expected a port") },
    { exitCode: 2, stdout: "", stderr: expect.stringContaining("CODEMODE_MCP_API_KEY must be set") },
    { exitCode: 69, stdout: "", stderr: expect.stringContaining("none of the servers") },
  ]);
});

const me = { name: "test", version: "1.0.0" };

async function connected(client: Client, transport: StreamableHTTPClientTransport): Promise<Client> {
  await client.connect(transport);
  return client;
}

/** The status of a POST whose headers are all ours: `fetch` would not send another Host. */
async function post(url: URL, headers: Record<string, string>, body: object): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
  const types = { "content-type": "application/json", accept: "application/json, text/event-stream" };
  const sent = request(url, { method: "POST", headers: { ...types, ...headers } }, (response) => {
    void text(response).then(() => resolve(response.statusCode), reject);
  });
  sent.on("error", reject).end(JSON.stringify(body));
  return promise;
}
