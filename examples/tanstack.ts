// TanStack AI: its own code mode, run by Codemode's executor.
import assert from "node:assert/strict";
import { Codemode } from "@codemode/client";
import { createIsolateDriver } from "@codemode/client/tanstack";
import { toolDefinition } from "@tanstack/ai";
import { createCodeMode } from "@tanstack/ai-code-mode";
import { z } from "zod";

const inventory = toolDefinition({
  name: "inventory",
  description: "Units of a product in store",
  inputSchema: z.object({ sku: z.string() }),
  outputSchema: z.object({ units: z.number() }),
}).server(({ sku }) => ({ units: sku.length * 10 }));

await using codemode = Codemode.fromEnv();
const driver = createIsolateDriver(codemode);
const { tool, systemPrompt } = createCodeMode({ driver, tools: [inventory] });
// chat({ systemPrompts: ["…", systemPrompt], tools: [tool], … }) gives both to a model. It would write:
const typescriptCode = `
  const stock = await Promise.all(["a", "bb", "ccc"].map((sku: string) => external_inventory({ sku })));
  return stock.reduce((sum, { units }) => sum + units, 0);`;
const result = (await tool.execute?.({ typescriptCode })) as { success: boolean; result: number };
assert.match(systemPrompt, /external_inventory/);
assert.deepEqual([result.success, result.result], [true, 60]);
console.log(result);
