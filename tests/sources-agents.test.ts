import { AIMessage } from "@langchain/core/messages";
import { RunnableLambda } from "@langchain/core/runnables";
import { FakeListChatModel } from "@langchain/core/utils/testing";
import { Agent as MastraAgent } from "@mastra/core/agent";
import { Agent as OpenAiAgent, type Model, type ModelResponse, setTracingDisabled, Usage } from "@openai/agents";
import { Output, ToolLoopAgent } from "ai";
import { MockLanguageModelV4 } from "ai/test";
import { expect, test } from "vitest";
import { z } from "zod";
import { type CallInfo, ComponentRegistry } from "../client/src/index.ts";
import { call, callInfo } from "./source-fixture.ts";

/** What the agent answers when a program calls `agents.it.run(input)`. */
const ask = (agent: object, input: unknown = { prompt: "Who?" }, info?: CallInfo) =>
  call(new ComponentRegistry().register("it", agent).getAgent("it"), input, info);

const usage = {
  inputTokens: { total: 3, noCache: 3, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 2, text: 2, reasoning: 0 },
};
/** A model of the AI SDK that says `text`, and what it was asked. */
function speaking(text: string) {
  const model = new MockLanguageModelV4({
    doGenerate: async () => ({
      content: [{ type: "text", text }],
      finishReason: { unified: "stop", raw: undefined },
      usage,
      warnings: [],
    }),
  });
  return model;
}

const prompt = [{ role: "user", content: [{ type: "text", text: "Who?" }] }];

test("an agent of the AI SDK answers with its text, why it ended and what it took", async () => {
  const model = speaking("Ada");
  expect(await ask(new ToolLoopAgent({ model }))).toEqual({
    text: "Ada",
    finishReason: "stop",
    usage: { inputTokens: 3, outputTokens: 2 },
  });
  expect(model.doGenerateCalls[0]?.prompt).toMatchObject(prompt);
});

test("an answer to a schema is there as an object as well", async () => {
  const output = Output.object({ schema: z.object({ name: z.string() }) });
  const agent = new ToolLoopAgent({ model: speaking('{"name":"Ada"}'), output });
  expect(await ask(agent)).toMatchObject({ text: '{"name":"Ada"}', object: { name: "Ada" } });
});

test("the signal of the call reaches the model", async () => {
  const model = speaking("Ada");
  const controller = new AbortController();
  await ask(new ToolLoopAgent({ model }), { prompt: "Who?" }, callInfo(undefined, controller.signal));
  controller.abort();
  expect(model.doGenerateCalls[0]?.abortSignal?.aborted).toBe(true);
});

test("an agent of Mastra answers as one of the AI SDK does", async () => {
  const agent = new MastraAgent({
    id: "it",
    name: "It",
    instructions: "Be short",
    description: "Knows",
    model: speaking("Ada") as never,
  });
  expect(new ComponentRegistry().register("it", agent).getAgent("it")).toMatchObject({
    origin: 'the Mastra agent "It"',
    description: "Knows",
  });
  expect(await ask(agent)).toMatchObject({ text: "Ada", finishReason: "stop" });
});

/** A model of the OpenAI Agents SDK. */
function answering(text: string, seen: unknown[] = []): Model {
  return {
    getResponse: async (request) => {
      seen.push(request.input, request.signal?.aborted);
      const content = [{ type: "output_text" as const, text }];
      const output: ModelResponse["output"] = [{ type: "message", role: "assistant", status: "completed", content }];
      return { usage: new Usage({ inputTokens: 3, outputTokens: 2 }), output };
    },
    getStreamedResponse: () => {
      throw new Error("Nobody streams");
    },
  };
}

test("an agent of the OpenAI Agents SDK runs itself", async () => {
  setTracingDisabled(true);
  const seen: unknown[] = [];
  const plain = new OpenAiAgent({ name: "It", handoffDescription: "Knows", model: answering("Ada", seen) });
  expect(new ComponentRegistry().register("it", plain).getAgent("it").description).toBe("Knows");
  expect(await ask(plain)).toMatchObject({ text: "Ada" });
  expect(seen).toEqual([[expect.objectContaining({ role: "user", content: "Who?" })], false]);
  const typed = new OpenAiAgent({
    name: "It",
    outputType: z.object({ name: z.string() }),
    model: answering('{"name":"Ada"}'),
  });
  expect(await ask(typed)).toMatchObject({ object: { name: "Ada" } });
  const broken = new OpenAiAgent({
    name: "It",
    outputType: z.object({ name: z.string() }),
    model: answering("no JSON"),
  });
  await expect(ask(broken)).rejects.toThrow("An error occurred while running the tool");
});

test("a chat model of LangChain takes a prompt, another runnable what it takes", async () => {
  expect(await ask(new FakeListChatModel({ responses: ["Ada"] }))).toEqual({ text: "Ada" });
  const seen: unknown[] = [];
  const chain = RunnableLambda.from((input: unknown) => {
    seen.push(input);
    return { messages: [new AIMessage("Ada")] };
  });
  expect(await ask(chain, { messages: ["Who?"] })).toEqual({ text: "Ada" });
  expect(seen).toEqual([{ messages: ["Who?"] }]);
  expect(
    await ask(
      RunnableLambda.from(() => [1, 2]),
      {},
    ),
  ).toEqual([1, 2]);
});

test("anything that generates, is invoked or runs is an agent, and answers what it answers", async () => {
  const agent = {
    prefix: "So: ",
    generate(input: string, info: CallInfo) {
      return this.prefix + input + info.seq;
    },
  };
  expect(await ask(agent, "x")).toBe("So: x1");
  expect(await ask({ invoke: async (input: number) => ({ text: "t", n: input }) }, 2)).toEqual({ text: "t", n: 2 });
  expect(await ask({ run: () => "y" })).toBe("y");
});

test("an agent that is not given a prompt says so", async () => {
  await expect(ask(new ToolLoopAgent({ model: speaking("Ada") }), { question: "Who?" })).rejects.toThrow(
    "Input: prompt: missing",
  );
});

test("agents and tools may come in one record", async () => {
  const registry = new ComponentRegistry();
  const agent = new ToolLoopAgent({ model: speaking("Ada") });
  using all = await registry.registerAll({ agent, double: ({ n }: { n: number }) => n * 2 }, { namespace: "x" });
  expect(all.names).toEqual(["x.agent", "x.double"]);
  expect([registry.listAgents().length, registry.listTools().length]).toEqual([1, 1]);
});
