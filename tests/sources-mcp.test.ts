import { fileURLToPath } from "node:url";
import {
  Client as Client2,
  InMemoryTransport as InMemory2,
  StreamableHTTPClientTransport,
} from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { Client as Client1 } from "@modelcontextprotocol/sdk/client/index.js";
import { InMemoryTransport as InMemory1 } from "@modelcontextprotocol/sdk/inMemory.js";
import { McpServer as Server1 } from "@modelcontextprotocol/sdk/server/mcp.js";
import { createMcpHandler, McpServer as Server2 } from "@modelcontextprotocol/server";
import { ListToolsRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type CallInfo, ComponentRegistry, type RegistrationChange } from "../client/src/index.ts";
import { serveFetch } from "./mcp-http.ts";
import { callInfo, callTool, namesOf } from "./source-fixture.ts";

const info = { name: "office", version: "1" };

/** Tools of every kind of answer. */
function withTools<S extends Server1 | Server2>(server: S): S {
  const of = server as Server1;
  of.registerTool(
    "add",
    {
      description: "Adds",
      inputSchema: z.object({ a: z.number(), b: z.number() }) as never,
      outputSchema: z.object({ sum: z.number() }) as never,
      annotations: { idempotentHint: true },
    },
    ((input: { a: number; b: number }) => ({
      content: [{ type: "text", text: "a sum" }],
      structuredContent: { sum: input.a + input.b },
    })) as never,
  );
  const text = (value: string) => ({ type: "text" as const, text: value });
  of.registerTool("lines", { annotations: { readOnlyHint: true } }, () => ({ content: [text("one"), text("two")] }));
  const image = { type: "image" as const, data: "AA==", mimeType: "image/png" };
  of.registerTool("picture", {}, () => ({ content: [text("see"), image] }));
  of.registerTool("broken", {}, () => ({ content: [text("no such row")], isError: true }));
  return server;
}

async function connected1(server: Server1) {
  const [ours, theirs] = InMemory1.createLinkedPair();
  const client = new Client1(info);
  await Promise.all([server.connect(theirs), client.connect(ours)]);
  return client;
}

async function connected2(server: Server2) {
  const [ours, theirs] = InMemory2.createLinkedPair();
  const client = new Client2(info);
  await Promise.all([server.connect(theirs), client.connect(ours)]);
  return client;
}

/** Resolves with the next change of a registration. */
function changes() {
  const queue: RegistrationChange[] = [];
  let wake = Promise.withResolvers<void>();
  return {
    onChange: (change: RegistrationChange) => {
      queue.push(change);
      wake.resolve();
    },
    next: async (): Promise<RegistrationChange> => {
      while (queue.length === 0) {
        await wake.promise;
        wake = Promise.withResolvers();
      }
      return queue.shift() as RegistrationChange;
    },
  };
}

const kinds = [
  ["1", () => connected1(withTools(new Server1(info)))],
  ["2", () => connected2(withTools(new Server2(info)))],
] as const;

describe.each(kinds)("an MCP client, version %s", (_, connect) => {
  test("brings its tools, under names that can stand, and answers with what says most", async () => {
    const registry = new ComponentRegistry();
    const client = await connect();
    using all = await registry.registerAll(client, { namespace: "office" });
    expect(all.names).toEqual(["office.add", "office.lines", "office.picture", "office.broken"]);
    expect(registry.getTool("office.add")).toMatchObject({
      description: "Adds",
      idempotent: true,
      origin: 'the MCP server "office"',
    });
    expect(["lines", "picture"].map((name) => registry.getTool(`office.${name}`).idempotent)).toEqual([true, false]);
    expect(await callTool(registry, "office.add", { a: 1, b: 2 })).toEqual({ sum: 3 });
    await expect(callTool(registry, "office.add", { a: 1 })).rejects.toThrow("Input: b: missing");
    expect(await callTool(registry, "office.lines", {})).toBe("one\ntwo");
    expect(await callTool(registry, "office.picture", {})).toMatchObject([{ type: "text" }, { type: "image" }]);
    await expect(callTool(registry, "office.broken", {})).rejects.toMatchObject({
      name: "ToolError",
      message: "no such row",
    });
    await client.close();
    await expect(callTool(registry, "office.lines", {})).rejects.toThrow(/connect/i);
  });

  test("is told when nobody waits for the answer any more", async () => {
    const given = Promise.withResolvers<AbortSignal>();
    const hang = (_: unknown, extra: { signal?: AbortSignal; mcpReq?: { signal: AbortSignal } }) => {
      given.resolve((extra.signal ?? extra.mcpReq?.signal) as AbortSignal);
      return new Promise<never>(() => {});
    };
    const server = (_ === "1" ? new Server1(info) : new Server2(info)) as Server1;
    server.registerTool("hang", { inputSchema: z.object({}) as never }, hang as never);
    const client = _ === "1" ? await connected1(server) : await connected2(server as unknown as Server2);
    const registry = new ComponentRegistry();
    await registry.registerAll(client);
    const controller = new AbortController();
    const answer = callTool(registry, "hang", {}, callInfo(undefined, controller.signal));
    const signal = await given.promise;
    controller.abort(new Error("enough"));
    await expect(answer).rejects.toThrow("enough");
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
    await client.close();
  });
});

describe.each(["1", "2"])("changes of a server, version %s", (version) => {
  const open = async () => {
    const server = (version === "1" ? new Server1(info) : new Server2(info)) as Server1;
    const first = server.registerTool("first", {}, () => ({ content: [] }));
    const client = version === "1" ? await connected1(server) : await connected2(server as unknown as Server2);
    return { server, first, client };
  };

  test("are followed, those that cannot be are told, and disposal ends it", async () => {
    const { server, first, client } = await open();
    const registry = new ComponentRegistry().registerTool("taken", { description: "Ours", execute: () => 1 });
    const { onChange, next } = changes();
    const all = await registry.registerAll(client, { onChange });
    server.registerTool("second", {}, () => ({ content: [{ type: "text", text: "2" }] }));
    expect(await next()).toEqual({ added: ["second"], removed: [] });
    expect(await callTool(registry, "second", {})).toBe("2");
    first.update({ description: "New" });
    expect(await next()).toEqual({ added: ["first"], removed: [] });
    expect(registry.getTool("first").description).toBe("New");
    const taken = server.registerTool("taken", {}, () => ({ content: [] }));
    expect((await next()).error?.message).toContain(
      '"taken" (the MCP server "office"): it is registered already (registerTool())',
    );
    expect(registry.getTool("taken").description).toBe("Ours");
    taken.remove();
    first.remove();
    expect(await next()).toEqual({ added: [], removed: ["first"] });
    expect([all.names, namesOf(registry)]).toEqual([["second"], ["taken", "second"]]);
    all[Symbol.dispose]();
    server.registerTool("third", {}, () => ({ content: [] }));
    await client.listTools(); // whatever was sent before has arrived
    expect(namesOf(registry)).toEqual(["taken"]);
    await client.close();
  });

  test("reach the app's own handler as well, and two registries", async () => {
    const { server, client } = await open();
    const heard = Promise.withResolvers<string>();
    const handler = () => heard.resolve("heard");
    const method = "notifications/tools/list_changed";
    if (client instanceof Client1) client.setNotificationHandler(z.object({ method: z.literal(method) }), handler);
    else client.setNotificationHandler(method, handler);
    const [one, other] = [changes(), changes()];
    await new ComponentRegistry().registerAll(client, one);
    await new ComponentRegistry().registerAll(client, other);
    server.registerTool("second", {}, () => ({ content: [] }));
    const change = { added: ["second"], removed: [] };
    expect(await Promise.all([one.next(), other.next(), heard.promise])).toEqual([change, change, "heard"]);
    await client.close();
  });
});

test("a server of 2026 is listened to, over HTTP", async () => {
  let count = 1;
  const handler = createMcpHandler(() => {
    const server = new Server2(info);
    for (let n = 1; n <= count; n++)
      server.registerTool(`tool${n}`, {}, () => ({ content: [{ type: "text", text: `${n}` }] }));
    return server;
  });
  await using served = await serveFetch((request) => handler.fetch(request));
  const client = new Client2(info, { versionNegotiation: { mode: "auto" } });
  await client.connect(new StreamableHTTPClientTransport(new URL(served.url)));
  expect(client.getProtocolEra()).toBe("modern");
  const registry = new ComponentRegistry();
  const { onChange, next } = changes();
  using all = await registry.registerAll(client, { onChange });
  expect(await callTool(registry, "tool1", {})).toBe("1");
  count = 2;
  handler.notify.toolsChanged();
  expect(await next()).toEqual({ added: ["tool2"], removed: [] });
  expect(all.names).toEqual(["tool1", "tool2"]);
  all[Symbol.dispose]();
  await client.close();
  await handler.close();
});

/** A server of version 1 that lists its tools as `pages` says. */
async function listing(pages: (cursor: string | undefined) => { tools: object[]; nextCursor?: string }) {
  const server = new Server1(info, { capabilities: { tools: {} } });
  server.server.setRequestHandler(ListToolsRequestSchema, ({ params }) => pages(params?.cursor) as never);
  return connected1(server);
}

const plain = (name: string, more: object = {}) => ({ name, inputSchema: { type: "object" }, ...more });

test("all pages of a list are read, and one without end is refused", async () => {
  const registry = new ComponentRegistry();
  const two = await listing((cursor) => (cursor ? { tools: [plain("b")] } : { tools: [plain("a")], nextCursor: "2" }));
  using all = await registry.registerAll(two);
  expect(all.names).toEqual(["a", "b"]);
  const endless = await listing(() => ({ tools: [], nextCursor: "again" }));
  await expect(registry.registerAll(endless)).rejects.toThrow("its list of them does not end");
});

test("names that are hostile, or alike, stay apart", async () => {
  const names = ["a b", "a/b", "a_b", "then", "__proto__", "$search", "-x", "a..b", "é", "x".repeat(300)];
  const registry = new ComponentRegistry();
  using all = await registry.registerAll(await listing(() => ({ tools: names.map((name) => plain(name)) })));
  expect(all.names).toEqual([
    expect.stringMatching(/^a_b_[0-9a-f]{8}$/),
    expect.stringMatching(/^a_b_[0-9a-f]{8}$/),
    "a_b",
    "then_",
    "__proto___",
    "_search",
    "_x",
    "a._.b",
    "_",
    expect.stringMatching(/^x{91}_[0-9a-f]{8}$/),
  ]);
  expect(new Set(all.names).size).toBe(names.length);
});

test("a long namespace leaves less room for names, and a tool beside a namespace of its own is no reason to refuse all", async () => {
  const registry = new ComponentRegistry();
  const tools = ["x".repeat(300), "job", "job.run"].map((name) => plain(name));
  using all = await registry.registerAll(await listing(() => ({ tools })), { namespace: "n".repeat(60) });
  expect(all.names.map((name) => name.slice(61))).toEqual([
    expect.stringMatching(/^x{58}_[0-9a-f]{8}$/),
    "job",
    expect.stringMatching(/^job\.run_[0-9a-f]{8}$/),
  ]);
});

test("a tool in whose place comes another that is named alike is the other one", async () => {
  const registry = new ComponentRegistry();
  const { onChange, next } = changes();
  const server = new Server2(info);
  const answer = (text: string) => () => ({ content: [{ type: "text" as const, text }] });
  const old = server.registerTool("read file", {}, answer("old"));
  using all = await registry.registerAll(await connected2(server), { onChange });
  old.remove();
  server.registerTool("read/file", {}, answer("new"));
  while ((await next()).added.length === 0) continue;
  expect(all.names).toEqual(["read_file"]);
  expect(await callTool(registry, "read_file", {})).toBe("new");
});

test("a tool with a hostile schema is refused by name, and with it its server", async () => {
  const registry = new ComponentRegistry();
  const refusing = async (inputSchema: object, message: string) => {
    const client = await listing(() => ({ tools: [plain("fine"), { name: "bad", inputSchema }] }));
    const registering = registry.registerAll(client);
    await expect(registering).rejects.toThrow('Cannot register tool "bad" (the MCP server "office")');
    await expect(registering).rejects.toThrow(message);
    expect(namesOf(registry)).toEqual([]);
  };
  await refusing({ type: "object", properties: { a: { $ref: "file:///etc/passwd" } } }, "nothing is fetched or read");
  await refusing({ type: "object", description: "x".repeat(10_000_000) }, "more than 256 Ki characters");
});

test("what is too long to read is cut, and a pattern of another language is let be", async () => {
  const schema = { type: "object", properties: { a: { type: "string", pattern: "(?P<year>\\d{4})" } } };
  const tools = [plain("a", { description: "x".repeat(1_000_000) }), { name: "b", inputSchema: schema }];
  const registry = new ComponentRegistry();
  const client = await listing(() => ({ tools }));
  await registry.registerAll(client);
  expect(registry.getTool("a").description).toHaveLength(8_193);
  expect(await registry.getTool("b").input.check({ a: "x" })).toMatchObject({ ok: true });
});

test("a server without tools, or that nobody is connected to, is refused; so is a client that register() is given", async () => {
  const registry = new ComponentRegistry();
  await expect(registry.registerAll(new Client1(info))).rejects.toThrow("it is not connected, or offers none");
  expect(() => registry.register("x", new Client1(info))).toThrow("it is an MCP client; pass it to registerAll()");
});

test("a real server on stdio does what its tools say", async () => {
  const path = fileURLToPath(import.meta.resolve("@modelcontextprotocol/server-everything/dist/index.js"));
  const client = new Client2(info);
  await client.connect(new StdioClientTransport({ command: process.execPath, args: [path], stderr: "ignore" }));
  const registry = new ComponentRegistry();
  using all = await registry.registerAll(client, { namespace: "all" });
  expect(all.names.length).toBeGreaterThan(5);
  const call: CallInfo = callInfo();
  expect(await callTool(registry, "all.get-sum", { a: 2, b: 3 }, call)).toMatch(/\b5\b/);
  expect(await callTool(registry, "all.echo", { message: "hi" }, call)).toBe("Echo: hi");
  await client.close();
});
