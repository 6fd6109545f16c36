// Cloudflare Code Mode: its MCP server in plain Node, its programs in Codemode's executor.
import assert from "node:assert/strict";
import { codeMcpServer } from "@cloudflare/codemode/mcp";
import { Codemode } from "@codemode/client";
import { createExecutor } from "@codemode/client/cloudflare";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { z } from "zod";

const shop = new McpServer({ name: "shop", version: "1.0.0" });
shop.registerTool("inventory", { description: "Units in store", inputSchema: { sku: z.string() } }, ({ sku }) => ({
  content: [{ type: "text", text: String(sku.length * 10) }],
}));

await using codemode = Codemode.fromEnv();
const server = await codeMcpServer({ server: shop, executor: createExecutor(codemode) });

// Any MCP client now has one tool, `code`, with which its model writes:
const code = `async () => {
  const units = await Promise.all(["a", "bb", "ccc"].map((sku) => codemode.inventory({ sku })));
  return units.reduce((sum, one) => sum + one, 0);
}`;
const client = new Client({ name: "example", version: "1.0.0" });
const [near, far] = InMemoryTransport.createLinkedPair();
await Promise.all([server.connect(far), client.connect(near)]);
const result = await client.callTool({ name: "code", arguments: { code } });
assert.deepEqual(result.content, [{ type: "text", text: "60" }]);
console.log(result);
await client.close();
