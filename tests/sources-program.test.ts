import { ToolLoopAgent, tool } from "ai";
import { MockLanguageModelV4 } from "ai/test";
import { Client, InMemoryTransport } from "@modelcontextprotocol/client";
import { McpServer } from "@modelcontextprotocol/server";
import { expect, test } from "vitest";
import { z } from "zod";
import { Codemode, ComponentRegistry } from "../client/src/index.ts";
import { startInProcess } from "./executor-fixture.ts";

const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
};

test("one program calls what came from everywhere, each in its own way", async () => {
  const server = new McpServer({ name: "office", version: "1" });
  server.registerTool("find-row", { inputSchema: z.object({ id: z.number() }) }, ({ id }) =>
    id === 1
      ? { content: [{ type: "text", text: "row one" }] }
      : { content: [{ type: "text", text: "no such row" }], isError: true },
  );
  const client = new Client({ name: "test", version: "1" });
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  await Promise.all([server.connect(theirs), client.connect(ours)]);
  const model = new MockLanguageModelV4({
    doGenerate: async () => ({
      content: [{ type: "text", text: "Ada" }],
      finishReason: { unified: "stop", raw: undefined },
      usage,
      warnings: [],
    }),
  });

  const registry = new ComponentRegistry();
  await registry.registerAll(client, { namespace: "office" });
  await registry.registerAll({
    steps: tool({
      inputSchema: z.object({}),
      strict: true,
      async *execute() {
        yield "half";
        yield "whole";
      },
    }),
    count: {
      description: "Counts",
      async *execute() {
        yield 1;
        yield 2;
      },
    },
    writer: new ToolLoopAgent({ model }),
  });

  await using executor = await startInProcess();
  await using codemode = Codemode.fromClientConfig({
    registry,
    config: { executor: { mode: "remote", url: executor.executor.address } },
  });
  const program = `
    const counted = [];
    for await (const n of tools.count()) counted.push(n);
    const failed = await tools.office.find_row({ id: 2 }).catch((e) => [e.name, e.message]);
    const wrong = await tools.office.find_row({ id: "1" }).catch((e) => e.message);
    const [row, steps, { text }] = await Promise.all([
      office.find_row({ id: 1 }),
      tools.steps(),
      agents.writer.run("Who?"),
    ]);
    return { counted, failed, wrong, row, steps, text };`;
  expect((await codemode.execute(program)).unwrap()).toEqual({
    counted: [1, 2],
    failed: ["ToolError", "no such row"],
    wrong: "id: expected number, received string",
    row: "row one",
    steps: "whole",
    text: "Ada",
  });
  await client.close();
});
