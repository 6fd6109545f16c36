// LangChain: one tool, with which the model writes programs over the tools of the registry.
import assert from "node:assert/strict";
import { Codemode, ComponentRegistry } from "@codemode/client";
import { codemodeTool } from "@codemode/client/langchain";
import { AIMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { z } from "zod";

const inventory = tool(({ sku }) => ({ units: sku.length * 10 }), {
  name: "inventory",
  description: "Units of a product in store",
  schema: z.object({ sku: z.string() }),
});
const registry = new ComponentRegistry();
await registry.registerAll([inventory]);

await using codemode = Codemode.fromEnv({ registry });
const executeCode = codemodeTool(codemode);

// createAgent({ tools: [executeCode], … }), or model.bindTools([executeCode]), gives it to a model. It would answer:
const code = `
  const stock = await Promise.all(["a", "bb", "ccc"].map((sku) => tools.inventory({ sku })));
  return stock.reduce((sum, { units }) => sum + units, 0);`;
const answer = new AIMessage({ content: "", tool_calls: [{ id: "1", name: executeCode.name, args: { code } }] });
for (const call of answer.tool_calls ?? []) {
  const message = await executeCode.invoke({ ...call, type: "tool_call" });
  assert.match(message.text, /^Value: 60/);
  console.log(message.text);
}
