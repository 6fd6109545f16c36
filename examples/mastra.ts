// Mastra: its own code mode, run by Codemode's executor.
import assert from "node:assert/strict";
import { Codemode } from "@codemode/client";
import { createCodeModeTransport } from "@codemode/client/mastra";
import { createCodeMode, createTool } from "@mastra/core/tools";
import { z } from "zod";

const inventory = createTool({
  id: "inventory",
  description: "Units of a product in store",
  inputSchema: z.object({ sku: z.string() }),
  outputSchema: z.object({ units: z.number() }),
  execute: ({ sku }) => Promise.resolve({ units: sku.length * 10 }),
});

await using codemode = Codemode.fromEnv();
const { tool, instructions } = createCodeMode({ tools: { inventory } }, createCodeModeTransport(codemode));
// new Agent({ instructions: ["…", instructions], tools: { [tool.id]: tool }, … }) gives both to a model. It would write:
const code = `
  const stock = await Promise.all(["a", "bb", "ccc"].map((sku: string) => external_inventory({ sku })));
  return stock.reduce((sum, { units }) => sum + units, 0);`;
const observe = { span: (_name: string, body: () => unknown) => body(), log: () => {} }; // an agent's own context has it
const result = (await tool.execute?.({ code }, { observe } as never)) as { success: boolean; result: number };
assert.match(instructions, /external_inventory/);
assert.deepEqual([result.success, result.result], [true, 60]);
console.log(result);
