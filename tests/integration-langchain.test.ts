// Our tool with LangChain's messages and its fake model.
import { AIMessage, type BaseMessage, HumanMessage, ToolMessage } from "@langchain/core/messages";
import { BaseChatModel, type BindToolsInput } from "@langchain/core/language_models/chat_models";
import { convertToOpenAITool } from "@langchain/core/utils/function_calling";
import type { ChatResult } from "@langchain/core/outputs";
import type { DynamicStructuredTool } from "@langchain/core/tools";
import { expect, test } from "vitest";
import { ComponentRegistry, Outcome } from "@codemode/client";
import { codemodeTool } from "@codemode/client/langchain";
import { startAdder } from "./integration-fixture.ts";

const codemode = await startAdder();

/** A model that gives these answers, and keeps the tools that were bound to it. */
class Scripted extends BaseChatModel {
  readonly bound: object[] = [];
  readonly #answers: AIMessage[];

  constructor(answers: readonly AIMessage[]) {
    super({});
    this.#answers = [...answers];
  }

  _llmType(): string {
    return "scripted";
  }

  override bindTools(tools: BindToolsInput[]): this {
    this.bound.push(...tools.map((tool) => convertToOpenAITool(tool as DynamicStructuredTool)));
    return this;
  }

  _generate(): Promise<ChatResult> {
    const message = this.#answers.shift() ?? new AIMessage("nothing");
    return Promise.resolve({ generations: [{ text: message.text, message }] });
  }
}

const calls = (code: string, id: string) =>
  new AIMessage({ content: "", tool_calls: [{ type: "tool_call", id, name: "execute_code", args: { code } }] });

test("a model's loop: a program that fails, the same mended, three calls, and text", async () => {
  const tool = codemodeTool(codemode);
  const code = "const sums = await Promise.all([1, 2, 3].map((a) => tools.add({ a, b: 10 }))); return sums.join()";
  const steps = [calls(code.replace("b: 10", "c: 10"), "1"), calls(code, "2"), new AIMessage("11, 12 and 13")];
  const model = new Scripted(steps);
  const bound = model.bindTools([tool]);
  const messages: BaseMessage[] = [new HumanMessage("Add 10 to 1, 2 and 3")];
  for (let asked = true; asked;) {
    const answer = await bound.invoke(messages);
    messages.push(answer);
    const { tool_calls = [] } = answer;
    for (const call of tool_calls) messages.push(await tool.invoke({ ...call, type: "tool_call" }));
    asked = tool_calls.length > 0;
  }
  const parameters = { type: "object", required: ["code"] };
  expect(model.bound).toMatchObject([{ type: "function", function: { name: "execute_code", parameters } }]);
  const [failed, mended] = messages.filter((message) => ToolMessage.isInstance(message));
  expect(failed?.content).toMatch(/^ToolInputError in add at line 1/);
  expect(mended).toMatchObject({
    name: "execute_code",
    tool_call_id: "2",
    content: expect.stringMatching(/^Value: 11,12,13/),
  });
  expect(mended?.artifact).toBeInstanceOf(Outcome);
  expect(messages.at(-1)?.text).toBe("11, 12 and 13");
});

test("the tool tells what the registry holds, and refuses what is no program", async () => {
  const tool = codemodeTool(codemode, { name: "run" });
  expect([tool.name, tool.description]).toEqual(["run", expect.stringContaining("Adds two numbers")]);
  await expect(tool.invoke({ js: "1" } as never)).rejects.toThrow("did not match expected schema");
});

test("the signal of the config ends the run", async () => {
  const controller = new AbortController();
  const slow = new ComponentRegistry().registerTool("slow", {
    description: "",
    execute: () => {
      controller.abort(new Error("enough"));
      return new Promise(() => {});
    },
  });
  const tool = codemodeTool(codemode.withRegistry(slow));
  const text = await tool.invoke({ code: "return await tools.slow()" }, { signal: controller.signal });
  expect(text).toMatch(/^Cancelled: .*enough/);
});
