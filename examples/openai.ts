// OpenAI: a tool for @openai/agents, and a function for the OpenAI SDK. A script stands for the model, so that this runs alone.
import assert from "node:assert/strict";
import { Codemode, ComponentRegistry } from "@codemode/client";
import { codemodeFunction, codemodeTool } from "@codemode/client/openai";
import { Agent, Runner } from "@openai/agents";
import { assistantMessage, functionCall, modelResponse, ScriptedModel } from "@openai/agents/testing";
import { z } from "zod";

const registry = new ComponentRegistry();
registry.registerTool("inventory", {
  description: "Units of a product in store",
  inputSchema: z.object({ sku: z.string() }),
  execute: ({ sku }) => ({ units: sku.length * 10 }),
});

/** What a model would write. */
const code = `
  const stock = await Promise.all(["a", "bb", "ccc"].map((sku) => tools.inventory({ sku })));
  return stock.reduce((sum, { units }) => sum + units, 0);`;

await using codemode = Codemode.fromEnv({ registry });
const model = new ScriptedModel([
  modelResponse([functionCall("execute_code", { code }, { callId: "1" })]),
  modelResponse([assistantMessage("We have 60 units.")]),
]);
const agent = new Agent({ name: "shop", model, tools: [codemodeTool(codemode)] });
const { finalOutput, newItems } = await new Runner({ tracingDisabled: true }).run(agent, "How many units have we?");
const output = newItems.find((item) => item.type === "tool_call_output_item")?.output;
assert.match(String(output), /^Value: 60/);
assert.equal(finalOutput, "We have 60 units.");
console.log(finalOutput);

// The OpenAI SDK: `tools: [chat]` or `tools: [responses]` in the request, and `call` for what the model asks of it.
const { chat, responses, call } = codemodeFunction(codemode);
assert.equal(chat.function.name, responses.name);
assert.match(await call(JSON.stringify({ code })), /^Value: 60/);
