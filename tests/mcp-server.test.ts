// The MCP server with one tool, by the official client in this process.
import { Client } from "@modelcontextprotocol/client";
import { InMemoryTransport, type McpServer } from "@modelcontextprotocol/server";
import { afterAll, expect, test } from "vitest";
import { z } from "zod";
import { Codemode, ComponentRegistry } from "@codemode/client";
import { createMcpServer, type McpServerOptions } from "@codemode/client/mcp";
import { startInProcess } from "./executor-fixture.ts";

const executor = await startInProcess();
const config = { executor: { mode: "remote", url: executor.executor.address } } as const;
const codemode = Codemode.fromClientConfig({ config });
afterAll(async () => {
  await codemode.close();
  await executor[Symbol.asyncDispose]();
});

const add = { description: "Adds two numbers", inputSchema: z.object({ a: z.number(), b: z.number() }) };
const sums = () => new ComponentRegistry().registerTool("add", { ...add, execute: ({ a, b }) => a + b });

/** A client of a server of ours. */
async function connect(registry = sums(), options: McpServerOptions = {}, base = codemode) {
  const server = createMcpServer(base.withRegistry(registry), options);
  const client = await clientOf(server);
  const run = (code: unknown, signal?: AbortSignal) =>
    client.callTool({ name: "execute_code", arguments: { code } }, { ...(signal && { signal }) });
  return { client, run, [Symbol.asyncDispose]: () => client.close() };
}

async function clientOf(server: McpServer): Promise<Client> {
  const client = new Client({ name: "test", version: "1.0.0" });
  const [near, far] = InMemoryTransport.createLinkedPair();
  await server.connect(far);
  await client.connect(near);
  return client;
}

test("one tool, which tells what programs can call, and takes a program", async () => {
  await using it = await connect();
  const { tools } = await it.client.listTools();
  expect(tools).toHaveLength(1);
  expect(tools[0]).toMatchObject({ name: "execute_code", description: expect.stringContaining("Adds two numbers") });
  expect(it.client.getServerVersion()).toMatchObject({ name: "codemode" });
});

test("a value is structured content, and text with all that the model should read", async () => {
  await using it = await connect();
  expect(await it.run("console.log('hi'); return { sum: await tools.add({ a: 40, b: 2 }) }")).toMatchObject({
    content: [{ type: "text", text: 'Value: {"sum":42}\nConsole:\n  log: hi\nCalls: add succeeded' }],
    structuredContent: { value: { sum: 42 }, logs: ["hi"], warnings: [] },
  });
  expect(await it.run("const a = 1")).toMatchObject({
    structuredContent: { value: null, warnings: [expect.any(String)] },
  });
});

test("a program that fails is an error whose text says how to mend it", async () => {
  await using it = await connect();
  const result = await it.run("return await tools.add({ a: 1, c: 2 })");
  const text = expect.stringMatching(/^ToolInputError in add at line 1.*\nFix: `b` \(number\) is missing/);
  expect(result).toMatchObject({ isError: true, content: [{ type: "text", text }] });
  expect(result).not.toHaveProperty("structuredContent");
});

test("an image that a program shows is one", async () => {
  await using it = await connect();
  const { content } = await it.run("image(new Uint8Array([1, 2, 3]), 'image/png'); return 1");
  expect(content[1]).toEqual({ type: "image", mimeType: "image/png", data: "AQID" });
});

test("a value that is too large for a model is cut, and the text says so", async () => {
  await using it = await connect();
  const { content, structuredContent } = await it.run(
    "return { rows: Array.from({ length: 9_000 }, (_, n) => 'row ' + n) }",
  );
  expect(JSON.stringify(structuredContent).length).toBeLessThan(70_000);
  expect(structuredContent).toMatchObject({ value: { rows: expect.arrayContaining(["row 0"]) } });
  expect((content[0] as { text: string }).text.length).toBeLessThanOrEqual(16_000);
});

test("cancelling the call ends the program and the calls of its own", async () => {
  const begun = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const registry = new ComponentRegistry().registerTool("slow", {
    description: "",
    execute: (_input, { signal }) => {
      signal.addEventListener("abort", () => ended.resolve());
      begun.resolve();
      return new Promise(() => {});
    },
  });
  await using it = await connect(registry);
  const controller = new AbortController();
  const call = it.run("return await tools.slow()", controller.signal);
  await begun.promise;
  controller.abort(new Error("enough"));
  await expect(call).rejects.toThrow("enough");
  await ended.promise;
});

test("the client is told once when tools come and go, and nobody listens after its end", async () => {
  const registry = new Watched();
  const it = await connect(registry);
  expect(registry.listening).toBe(1);
  let told = 0;
  const next = () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    it.client.setNotificationHandler("notifications/tools/list_changed", () => {
      told += 1;
      resolve();
    });
    return promise;
  };
  const first = next();
  for (const name of ["sub", "mul", "div"]) registry.registerTool(name, { ...add, execute: () => 0 });
  await first;
  expect((await it.client.listTools()).tools[0]?.description).toMatch(/ div\([^]* mul\([^]* sub\(/);
  const second = next();
  registry.unregisterTool("mul");
  await second;
  expect((await it.client.listTools()).tools[0]?.description).not.toContain("mul");
  expect(told).toBe(2);
  await it.client.close();
  expect([registry.listening, told]).toEqual([0, 2]);
});

/** Counts who listens. */
class Watched extends ComponentRegistry {
  listening = 0;

  override onChange(listener: () => void): Disposable {
    const listening = super.onChange(listener);
    this.listening += 1;
    return {
      [Symbol.dispose]: () => {
        this.listening -= 1;
        listening[Symbol.dispose]();
      },
    };
  }
}

test("a tool that was asked for by name and has gone is an error of the next call, not of the server", async () => {
  const registry = sums();
  await using it = await connect(registry, { tools: ["add"] });
  registry.unregisterTool("add");
  await new Promise((resolve) => setImmediate(resolve));
  const text = expect.stringContaining('There is no tool "add"');
  expect(await it.run("return 1")).toMatchObject({ isError: true, content: [{ text }] });
});

test("what is no program is refused, and an executor that cannot be reached is told", async () => {
  await using it = await connect();
  expect(await it.run(1)).toMatchObject({ isError: true, content: [{ text: expect.stringContaining("code") }] });
  const lost = { executor: { mode: "remote", url: "unix:/nowhere" }, retry: { enabled: false } } as const;
  await using nowhere = Codemode.fromClientConfig({ config: lost });
  await using other = await connect(sums(), { name: "execute_code" }, nowhere);
  const text = expect.stringMatching(/^The program could not be run: Cannot reach an executor/);
  expect(await other.run("return 1")).toMatchObject({ isError: true, content: [{ text }] });
});
