// Our executor under Cloudflare's own MCP server, and the cases that Cloudflare tests its executors with.
import { codeMcpServer } from "@cloudflare/codemode/mcp";
import type { ResolvedProvider } from "@cloudflare/codemode";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { Codemode } from "@codemode/client";
import { createExecutor } from "@codemode/client/cloudflare";
import { startCodemode } from "./integration-fixture.ts";

const codemode = await startCodemode();
const executor = createExecutor(codemode);

test("codeMcpServer: a program that fails, the same mended, three calls, and text", async () => {
  const upstream = new McpServer({ name: "sums", version: "1.0.0" });
  const inputSchema = { a: z.number(), b: z.number() };
  upstream.registerTool("add-numbers", { description: "Adds two numbers", inputSchema }, ({ a, b }) => ({
    content: [{ type: "text", text: String(a + b) }],
  }));
  const server = await codeMcpServer({ server: upstream, executor });
  const [near, far] = InMemoryTransport.createLinkedPair();
  const client = new Client({ name: "test", version: "1.0.0" });
  await Promise.all([server.connect(far), client.connect(near)]);
  const call = (code: string) => client.callTool({ name: "code", arguments: { code } });
  const program = "async () => Promise.all([1, 2, 3].map((a) => codemode.add_numbers({ a, b: 10 })))";
  expect(await call(program.replace("b: 10", "c: 10"))).toMatchObject({
    isError: true,
    content: [{ text: expect.stringContaining("Input validation error") }],
  });
  const { content } = await call(program);
  expect(JSON.parse((content as { text: string }[])[0]?.text ?? "")).toEqual([11, 12, 13]);
  await client.close();
});

const provider = (fns: ResolvedProvider["fns"], name = "codemode"): ResolvedProvider => ({ name, fns });
const echo = (...given: unknown[]) => Promise.resolve(given);
const fail = () => Promise.reject(new Error("tool error"));
const get = (from: string) => () => Promise.resolve({ from });

describe("as Cloudflare's executors", () => {
  const rows: readonly (readonly [row: string, code: string, providers: ResolvedProvider[], result: unknown])[] = [
    ["an arrow function", "async () => 42", [provider({})], 42],
    ["no provider at all", "async () => 42", [], 42],
    ["a fence", "```js\n1 + 1\n```", [provider({})], 2],
    ["a bare expression", "42", [provider({})], 42],
    ["backticks", "async () => { return `hello ${'world'}`; }", [provider({})], "hello world"],
    ["one object", "async () => codemode.echo({ a: 3, b: 4 })", [provider({ echo })], [{ a: 3, b: 4 }]],
    ["no argument", "async () => codemode.echo()", [provider({ echo })], [{}]],
    [
      "arguments by position",
      "async () => codemode.echo('/a', { b: 1 }, 2)",
      [provider({ echo })],
      ["/a", { b: 1 }, 2],
    ],
    ["an object first", "async () => codemode.echo({ b: 1 }, 2)", [provider({ echo })], [{ b: 1 }, 2]],
    ["one text", "async () => codemode.echo('/a')", [provider({ echo })], ["/a"]],
    ["a list", "async () => codemode.echo([1, 2])", [provider({ echo })], [[1, 2]]],
    ["a namespace", "async () => store.get({})", [provider({ get: get("store") }, "store")], { from: "store" }],
    [
      "several namespaces and the one without a name",
      "async () => [await store.get({}), await cache.get({}), await codemode.get({})]",
      [
        provider({ get: get("store") }, "store"),
        provider({ get: get("cache") }, "cache"),
        provider({ get: get("codemode") }),
      ],
      [{ from: "store" }, { from: "cache" }, { from: "codemode" }],
    ],
    [
      "in parallel",
      "async () => Promise.all([1, 2, 3].map((id) => codemode.echo({ id })))",
      [provider({ echo })],
      [[{ id: 1 }], [{ id: 2 }], [{ id: 3 }]],
    ],
    [
      "a name with dashes and dots",
      "async () => codemode.list_all_x({})",
      [provider({ "list-all.x": get("x") })],
      { from: "x" },
    ],
    [
      "bytes",
      "async () => { const [{ bytes }] = await codemode.echo({ bytes: new Uint8Array([1, 2]) });\nreturn [bytes instanceof Uint8Array, [...bytes]] }",
      [provider({ echo })],
      [true, [1, 2]],
    ],
  ];
  test.for(rows)("%s", async ([, code, providers, result]) => {
    expect(await executor.execute(code, providers)).toEqual({ result, logs: [] });
  });

  test("functions alone are those of the namespace without a name", async () => {
    expect(await executor.execute("async () => codemode.get()", { get: get("here") })).toMatchObject({
      result: { from: "here" },
    });
  });

  const errors: readonly (readonly [row: string, code: string, providers: ResolvedProvider[], error: string])[] = [
    ["what a program throws", 'async () => { throw new Error("boom"); }', [provider({})], "boom"],
    ["what a function throws", "async () => await codemode.fail({})", [provider({ fail })], "tool error"],
    [
      "what one of a namespace throws",
      "async () => await broken.fail({})",
      [provider({ fail }, "broken")],
      "tool error",
    ],
    ["no network", 'async () => (await fetch("https://example.com")).status', [], "fetch is not defined"],
    ["two providers of a name", "1", [provider({}, "dup"), provider({}, "dup")], 'Duplicate provider name "dup"'],
    ["two functions of a name", "1", [provider({ "a-b": echo, a_b: echo })], 'both sanitize to "a_b"'],
    ["a provider of a name that is taken", "1", [provider({}, "__dispatchers")], "reserved"],
    ["one that would hide the language", "1", [provider({}, "Promise")], "reserved"],
    ["one that is no identifier", "1", [provider({}, "a-b")], "no identifier"],
    ["a prelude", "1", [{ ...provider({}), prelude: "codemode.x = 1" }], "prelude"],
  ];
  test.for(errors)("an error, and nothing thrown: %s", async ([, code, providers, error]) => {
    expect(await executor.execute(code, providers)).toMatchObject({
      result: undefined,
      error: expect.stringContaining(error),
    });
  });

  test("a time-out", async () => {
    const hasty = createExecutor(codemode, { timeoutMs: 200, budgets: { maxWaitMs: 200 } });
    const { error } = await hasty.execute("async () => { await new Promise((done) => setTimeout(done, 9_000)); }", []);
    expect(error).toMatch(/timed out|200 ms/);
  });

  test("the console, with the level of each line", async () => {
    const { result, logs } = await executor.execute(
      '() => { console.log("hello"); console.warn("careful"); return 1 }',
      [],
    );
    expect({ result, logs }).toEqual({ result: 1, logs: ["hello", "[warn] careful"] });
  });

  test("connectors are refused, and an executor that is not there is an error too", async () => {
    const connectors = [{ name: "github", binding: { callTool: () => Promise.resolve() } }];
    expect(await executor.execute("1", [], { connectors })).toMatchObject({
      error: expect.stringContaining("Connectors"),
    });
    const lost = { executor: { mode: "remote", url: "unix:/nowhere" }, retry: { enabled: false } } as const;
    await using nowhere = Codemode.fromClientConfig({ config: lost });
    expect(await createExecutor(nowhere).execute("1", [])).toMatchObject({
      error: expect.stringContaining("Cannot reach an executor"),
    });
  });
});
