import { Codemode, ComponentRegistry } from "@codemode/client";
import type { Manifest } from "@codemode/proto/messages";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { thousands } from "./fixtures/tools/corpus.ts";
import { queries, type Query, unseen } from "./fixtures/tools/queries.ts";
import { WorkerPeer } from "./worker-peer.ts";

const TOP = 5;
const tools = thousands(5_000);

function codemodeOf(all: readonly { name: string; description: string; inputSchema?: object }[]): Codemode {
  const registry = new ComponentRegistry();
  for (const { name, ...rest } of all) registry.registerTool(name, { ...rest, execute: () => null } as never);
  return Codemode.fromClientConfig({ registry, config: { executor: { mode: "embedded" } } });
}

function names(codemode: Codemode, query: string, limit?: number): string[] {
  return codemode.search(query, limit === undefined ? {} : { limit }).map(({ name }) => name);
}

describe("among 5,000 tools", () => {
  const codemode = codemodeOf(tools);
  const missed = (asked: readonly Query[]) =>
    asked.filter(([query, ...right]) => !names(codemode, query, TOP).some((name) => right.includes(name)));

  test("every answer that is looked for is there", () => {
    const known = new Set(tools.map(({ name }) => name));
    expect([...queries, ...unseen].flatMap(([, ...right]) => right).filter((name) => !known.has(name))).toEqual([]);
    expect([queries.length, new Set(queries.map(([query]) => query)).size]).toEqual([50, 50]);
  });

  test("the right one is among the first five for 45 of 50 questions", () => {
    expect(missed(queries).map(([query]) => query).length).toBeLessThanOrEqual(5);
  });

  test("and for three of four that nobody looked at before", () => {
    expect(missed(unseen).length).toBeLessThanOrEqual(unseen.length / 4);
  });

  test("a question of any length is answered", () => {
    expect(names(codemode, "merge a pull request ".repeat(10_000), 1)).toEqual(["github_mcp.merge_pull_request"]);
    expect(names(codemode, "é".repeat(100_000))).toEqual([]);
  });
});

describe("a search", () => {
  const all = [
    { name: "users.list", description: "Lists people" },
    { name: "users.getById", description: "One user" },
    {
      name: "issues.create",
      description: "Opens an issue",
      inputSchema: { properties: { assignee: { type: "string" } } },
    },
    { name: "issues.update", description: "", inputSchema: { properties: { state: { enum: ["open", "closed"] } } } },
    { name: "天气.x", description: "" },
  ].slice(0, 4);
  const codemode = codemodeOf([...all, { name: "weather", description: "查询城市的天气预报" }]);

  test.for<readonly [query: string, ...found: string[]]>([
    ["", "users.list", "users.getById", "issues.create", "issues.update", "weather"],
    [" .,-", "users.list", "users.getById", "issues.create", "issues.update", "weather"],
    ["the"],
    ["nothing like it"],
    ["user", "users.getById", "users.list"],
    ["USERS_LIST", "users.list", "users.getById"],
    ["by id", "users.getById"],
    ["creating issues", "issues.create", "issues.update"],
    ["assign", "issues.create"],
    ["close", "issues.update"],
    ["天气", "weather"],
  ])("for %j", ([query, ...found]) => {
    expect(names(codemode, query)).toEqual(found);
  });

  test("tells kind, name, description and signature, and as many as it is asked for", () => {
    expect(codemode.search("user", { limit: 1 })).toEqual([
      {
        kind: "tool",
        name: "users.getById",
        description: "One user",
        signature: "tools.users.getById(input?: unknown): Promise<unknown>",
      },
    ]);
  });

  test("knows what was registered since", () => {
    const registry = new ComponentRegistry();
    const fresh = Codemode.fromClientConfig({ registry, config: { executor: { mode: "embedded" } } });
    expect(fresh.search("add")).toEqual([]);
    registry.registerTool("add", { description: "", execute: () => null });
    expect(names(fresh, "add")).toEqual(["add"]);
    registry.unregisterTool("add");
    expect(fresh.search("add")).toEqual([]);
  });
});

describe("in a program", () => {
  const rows = tools.map(({ name, description, inputSchema }) => ({
    name,
    description,
    inputSchemaJson: JSON.stringify(inputSchema),
    outputSchemaJson: "",
  }));
  const manifest: Manifest = { tools: rows, agents: [] };
  const codemode = codemodeOf(tools);
  let worker: WorkerPeer;
  beforeAll(() => void (worker = new WorkerPeer()));
  afterAll(() => worker[Symbol.asyncDispose]());

  test("the same tools are found in the same order", async () => {
    const asked = queries.slice(0, 12).map(([query]) => query);
    const { value } = await worker.run(
      `return ${JSON.stringify(asked)}.map((q) => tools.$search(q).map((t) => t.name))`,
      {},
      { manifest },
    );
    expect(value).toEqual(asked.map((query) => names(codemode, query, 20)));
  });

  test("pages go on where the last one ended", async () => {
    const code =
      "const page = (offset) => tools.$search({ query: 'list', limit: 30, offset }).map((t) => t.name); return [...page(0), ...page(30)]";
    const { value } = await worker.run(code, {}, { manifest });
    expect(value).toEqual(names(codemode, "list", 60));
  });

  test("a program that spoils the language finds the same", async () => {
    const code = `
      const spoil = () => { throw new Error("spoilt") };
      const { defineProperty, ownKeys } = Reflect;
      const holders = [String.prototype, Array.prototype, Map.prototype, RegExp.prototype, Uint32Array.prototype, Object, Math, JSON];
      const keys = holders.map((holder) => ownKeys(holder));
      const trap = { __proto__: null, get: spoil, set: spoil, configurable: true };
      for (let at = 0; at < holders.length; at++)
        for (let one = 0; one < keys[at].length; one++)
          if (keys[at][one] !== "constructor" && keys[at][one] !== "prototype" && keys[at][one] !== "length") defineProperty(holders[at], keys[at][one], { value: spoil });
      const words = ["0", "1", "get", "set", "value", "name", "stem", "enum", "properties", "input"];
      for (let at = 0; at < words.length; at++) {
        defineProperty(Object.prototype, words[at], trap);
        defineProperty(Array.prototype, words[at], trap);
      }
      const found = tools.$search("merge a pull request");
      let names = "";
      for (let at = 0; at < 5; at++) names += found[at].name + " ";
      return names;`;
    const { value, error } = await worker.run(code, {}, { manifest });
    expect(error).toBeUndefined();
    expect(value).toBe(`${names(codemode, "merge a pull request", 5).join(" ")} `);
  });
});
