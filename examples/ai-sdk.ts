// AI SDK: one tool, with which the model writes programs over yours. A mock stands for the model, so that this runs alone.
import assert from "node:assert/strict";
import { Codemode } from "@codemode/client";
import { type CodeResult, codemodeToolCaller } from "@codemode/client/ai-sdk";
import { generateText, isStepCount, tool } from "ai";
import { MockLanguageModelV4 } from "ai/test";
import { z } from "zod";

const inventory = tool({
  description: "Units of a product in store",
  inputSchema: z.object({ sku: z.string() }),
  execute: ({ sku }) => ({ units: sku.length * 10 }),
});

/** What a model would write. */
const program = `
  const stock = await Promise.all(["a", "bb", "ccc"].map((sku) => tools.inventory({ sku })));
  return stock.reduce((sum, { units }) => sum + units, 0);`;

await using codemode = Codemode.fromEnv();
const { text, steps } = await generateText({
  model: model(program),
  prompt: "How many units of a, bb and ccc do we have?",
  tools: { execute_code: codemodeToolCaller(codemode), inventory },
  experimental_toolCallers: { inventory: ["execute_code"] }, // the model sees execute_code alone
  stopWhen: isStepCount(5),
});
const result = steps[0]?.toolResults[0]?.output as CodeResult;
assert.equal(result.value, 60);
assert.equal(text, "We have 60 units.");
console.log(text);

/** A model that calls execute_code with this program, and then answers. */
function model(code: string): MockLanguageModelV4 {
  const usage = {
    inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: 1, text: 1, reasoning: 0 },
  };
  const input = JSON.stringify({ code });
  const call = { type: "tool-call", toolCallId: "1", toolName: "execute_code", input } as const;
  const answer = { type: "text", text: "We have 60 units." } as const;
  return new MockLanguageModelV4({
    doGenerate: [
      { content: [call], finishReason: { unified: "tool-calls", raw: undefined }, usage, warnings: [] },
      { content: [answer], finishReason: { unified: "stop", raw: undefined }, usage, warnings: [] },
    ],
  });
}
