// Our tool in the loop of @openai/agents, with its scripted model, and our function with the OpenAI SDK against a server.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { Agent, Runner } from "@openai/agents";
import { assistantMessage, functionCall, modelResponse, ScriptedModel } from "@openai/agents/testing";
import OpenAI from "openai";
import { expect, test } from "vitest";
import { Codemode } from "@codemode/client";
import { codemodeFunction, codemodeTool } from "@codemode/client/openai";
import { startAdder } from "./integration-fixture.ts";

const codemode = await startAdder();

const CODE = "const sums = await Promise.all([1, 2, 3].map((a) => tools.add({ a, b: 10 }))); return sums.join()";
const PROGRAMS = [CODE.replace("b: 10", "c: 10"), CODE];
const runner = new Runner({ tracingDisabled: true });

test("an agent: a program that fails, the same mended, three calls, and text", async () => {
  const model = new ScriptedModel([
    ...PROGRAMS.map((code, n) => modelResponse([functionCall("execute_code", { code }, { callId: `c${n}` })])),
    modelResponse([assistantMessage("11, 12 and 13")]),
  ]);
  const agent = new Agent({ name: "adder", model, tools: [codemodeTool(codemode)] });
  const { finalOutput, newItems } = await runner.run(agent, "Add 10 to 1, 2 and 3");
  const outputs = newItems.flatMap((item) => (item.type === "tool_call_output_item" ? [item.output] : []));
  expect(outputs).toEqual([
    expect.stringMatching(/^ToolInputError in add at line 1/),
    expect.stringMatching(/^Value: 11,12,13/),
  ]);
  expect(finalOutput).toBe("11, 12 and 13");
  const tool = { type: "function", name: "execute_code", strict: true, parameters: { required: ["code"] } };
  expect(model.firstCall?.request.tools).toMatchObject([tool]);
});

test("an agent is told when there is no executor, and when it wrote no program", async () => {
  const lost = { executor: { mode: "remote", url: "unix:/nowhere" }, retry: { enabled: false } } as const;
  await using nowhere = Codemode.fromClientConfig({ config: lost });
  const model = new ScriptedModel([
    modelResponse([functionCall("execute_code", { code: "return 1" }, { callId: "1" })]),
    modelResponse([functionCall("execute_code", { js: "1" }, { callId: "2" })]),
    modelResponse([assistantMessage("sorry")]),
  ]);
  const agent = new Agent({ name: "lost", model, tools: [codemodeTool(nowhere)] });
  const { newItems } = await runner.run(agent, "?");
  const outputs = newItems.flatMap((item) => (item.type === "tool_call_output_item" ? [item.output] : []));
  expect(outputs).toEqual([
    expect.stringMatching(/^The program could not be run: Cannot reach an executor/),
    expect.stringContaining('JSON of the form {"code": "…"}'),
  ]);
});

/** A server that answers each request with the next of `answers`, and keeps what it was asked. */
async function startApi(answers: readonly object[]) {
  const asked: unknown[] = [];
  const server = createServer((request, response) => {
    const answer = async () => {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(answers[asked.push(await json(request)) - 1]));
    };
    void answer();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const client = new OpenAI({ apiKey: "k", baseURL: `http://127.0.0.1:${port}/v1`, maxRetries: 0 });
  return { asked, client, [Symbol.asyncDispose]: async () => void (await once(server.close(), "close")) };
}

test("chat completions: the function goes out, its calls are answered", async () => {
  const { chat, call } = codemodeFunction(codemode);
  const tool_calls = [
    { id: "1", type: "function", function: { name: "execute_code", arguments: JSON.stringify({ code: CODE }) } },
  ];
  await using api = await startApi([
    { choices: [{ index: 0, finish_reason: "tool_calls", message: { role: "assistant", content: null, tool_calls } }] },
    { choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "done" } }] },
  ]);
  const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: "user", content: "Add" }];
  const first = await api.client.chat.completions.create({ model: "m", messages, tools: [chat] });
  const [answer] = first.choices;
  if (answer) messages.push(answer.message);
  for (const one of answer?.message.tool_calls ?? []) {
    if (one.type !== "function") continue;
    messages.push({ role: "tool", tool_call_id: one.id, content: await call(one.function.arguments) });
  }
  const last = await api.client.chat.completions.create({ model: "m", messages, tools: [chat] });
  expect(last.choices[0]?.message.content).toBe("done");
  expect(api.asked).toMatchObject([
    {
      tools: [
        {
          type: "function",
          function: { name: "execute_code", strict: true, parameters: { additionalProperties: false } },
        },
      ],
    },
    { messages: [{}, {}, { role: "tool", tool_call_id: "1", content: expect.stringMatching(/^Value: 11,12,13/) }] },
  ]);
});

test("responses: the function goes out, its calls are answered", async () => {
  const { responses, call } = codemodeFunction(codemode);
  const asks = { type: "function_call", call_id: "1", name: "execute_code", arguments: JSON.stringify({ code: CODE }) };
  await using api = await startApi([{ output: [asks] }, { output: [], id: "r2" }]);
  const first = await api.client.responses.create({ model: "m", input: "Add", tools: [responses] });
  const input: OpenAI.Responses.ResponseInput = [];
  for (const item of first.output) {
    if (item.type !== "function_call") continue;
    input.push({ type: "function_call_output", call_id: item.call_id, output: await call(item.arguments) });
  }
  await api.client.responses.create({ model: "m", input, tools: [responses] });
  expect(api.asked).toMatchObject([
    { tools: [{ type: "function", name: "execute_code", strict: true }] },
    { input: [{ call_id: "1", output: expect.stringMatching(/^Value: 11,12,13/) }] },
  ]);
});
