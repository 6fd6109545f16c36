// MCP: a server with one tool, with which the client's model writes programs over the tools of the registry. Here both are in
// one process; serveStdio(() => createMcpServer(codemode)) and createMcpHandler(() => createMcpServer(codemode)) serve others.
import assert from "node:assert/strict";
import { Codemode, ComponentRegistry } from "@codemode/client";
import { createMcpServer } from "@codemode/client/mcp";
import { Client } from "@modelcontextprotocol/client";
import { InMemoryTransport } from "@modelcontextprotocol/server";
import { z } from "zod";

const registry = new ComponentRegistry();
registry.registerTool("inventory", {
  description: "Units of a product in store",
  inputSchema: z.object({ sku: z.string() }),
  execute: ({ sku }) => ({ units: sku.length * 10 }),
});

await using codemode = Codemode.fromEnv({ registry });
const client = new Client({ name: "example", version: "1.0.0" });
const [near, far] = InMemoryTransport.createLinkedPair();
await createMcpServer(codemode).connect(far);
await client.connect(near);

/** What its model would write. */
const code = `
  const stock = await Promise.all(["a", "bb", "ccc"].map((sku) => tools.inventory({ sku })));
  return stock.reduce((sum, { units }) => sum + units, 0);`;
const result = await client.callTool({ name: "execute_code", arguments: { code } });
assert.deepEqual(result.structuredContent, { value: 60, logs: [], warnings: [] });
console.log(result);
await client.close();
