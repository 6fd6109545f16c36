// Our tool and our caller in the AI SDK's own loop, with its mock model.
import { generateText, isStepCount, type ModelMessage, tool, type ToolExecutionOptions } from "ai";
import { expect, test } from "vitest";
import { z } from "zod";
import { Codemode, ComponentRegistry } from "@codemode/client";
import { codemodeTool, codemodeToolCaller } from "@codemode/client/ai-sdk";
import { startAdder } from "./integration-fixture.ts";
import { WritingModel } from "./writing-model.ts";

const codemode = await startAdder();

/** A model that writes these programs, one a step. */
const writes = (...programs: string[]) =>
  new WritingModel(
    "execute_code",
    programs.map((code) => ({ code })),
  );

const THREE = "const sums = await Promise.all([1, 2, 3].map((a) => tools.add({ a, b: 10 }))); return sums.join()";

test("generateText: a program that fails, the same mended, three calls, and text", async () => {
  const model = writes(THREE.replace("b: 10", "c: 10"), THREE);
  const { text, steps } = await generateText({
    model,
    tools: { execute_code: codemodeTool(codemode) },
    prompt: "Add 10 to 1, 2 and 3",
    stopWhen: isStepCount(5),
  });
  expect(steps).toHaveLength(3);
  const [first, second] = model.read(2);
  expect(first).toMatch(/^ToolInputError in add at line 1.*\nFix: `b` \(number\) is missing; `c` is not known/);
  expect(second).toBe("Value: 11,12,13\nCalls: add succeeded × 3");
  expect(text).toBe(`Done: ${String(second)}`);
  expect(steps[1]?.toolResults[0]?.output).toMatchObject({ status: "ok", value: "11,12,13", error: null });
});

test("the model is told what the registry holds at the moment", async () => {
  const growing = new ComponentRegistry();
  const execute_code = codemodeTool(codemode.withRegistry(growing));
  growing.registerTool("lookUpTheWeather", { description: "", execute: () => "sun" });
  const model = writes();
  await generateText({ model, tools: { execute_code }, prompt: "?" });
  expect(JSON.stringify(model.asked[0]?.tools)).toContain("lookUpTheWeather");
});

test("an image that a program shows reaches the model as one", async () => {
  const model = writes("image(new Uint8Array([137, 80, 78, 71, 13, 10, 26, 10]), 'image/png'); return 1");
  await generateText({ model, tools: { execute_code: codemodeTool(codemode) }, prompt: "?", stopWhen: isStepCount(2) });
  const [content] = model.read(1);
  expect(content).toMatchObject([
    { type: "text" },
    { type: "file", mediaType: "image/png", data: { data: "iVBORw0KGgo=" } },
  ]);
});

test("the abort signal ends the run and its calls", async () => {
  const controller = new AbortController();
  const aborted = Promise.withResolvers<unknown>();
  const slow = new ComponentRegistry().registerTool("slow", {
    description: "",
    execute: (_input, { signal }) => {
      signal.addEventListener("abort", () => aborted.resolve("aborted"));
      controller.abort(new Error("enough"));
      return new Promise(() => {});
    },
  });
  const run = generateText({
    model: writes("return await tools.slow()"),
    tools: { execute_code: codemodeTool(codemode.withRegistry(slow)) },
    prompt: "?",
    abortSignal: controller.signal,
    stopWhen: isStepCount(2),
  });
  await expect(run).rejects.toThrow("enough");
  expect(await aborted.promise).toBe("aborted");
});

test("an executor that cannot be reached is a tool-error, not an answer", async () => {
  const lost = { executor: { mode: "remote", url: "unix:/nowhere" }, retry: { enabled: false } } as const;
  await using nowhere = Codemode.fromClientConfig({ config: lost });
  const { content } = await generateText({
    model: writes("return 1"),
    tools: { execute_code: codemodeTool(nowhere) },
    prompt: "?",
  });
  expect(content.at(-1)).toMatchObject({ type: "tool-error", error: { code: "UNREACHABLE" } });
});

test("experimental_toolCallers: programs call the tools beside ours, and those alone", async () => {
  const calls: { input: unknown; options: ToolExecutionOptions<unknown> }[] = [];
  const inventory = tool({
    description: "Units in store",
    inputSchema: z.object({ sku: z.string() }),
    execute: (input, options) => {
      calls.push({ input, options });
      return { units: 42 };
    },
  });
  const direct = tool({ description: "Not for programs", inputSchema: z.object({}), execute: () => 0 });
  const program = (name: string) =>
    `return [(await tools.inventory({ sku: "a" })).units, typeof await tools.${name}({})]`;
  const model = writes(program("direct"), program("inventory").replace("({})", '({ sku: "b" })'));
  const { text } = await generateText({
    model,
    tools: { execute_code: codemodeToolCaller(codemode), inventory, direct },
    experimental_toolCallers: { inventory: ["execute_code"] },
    toolsContext: { execute_code: { tenant: "acme" } } as never, // untyped: the caller's tools say what it is
    prompt: "How many?",
    stopWhen: isStepCount(5),
  });
  expect(model.asked[0]?.tools).toMatchObject([{ name: "execute_code" }, { name: "direct" }]);
  expect(JSON.stringify(model.asked[0]?.tools)).toContain("Units in store");
  const [first] = model.read(1);
  expect(first).toMatch(/^UnknownTool.*There is no tool "direct"/);
  expect(text).toMatch(/^Done: Value: \[42,"object"\]/);
  expect(calls.map(({ input }) => input)).toEqual([{ sku: "a" }, { sku: "a" }, { sku: "b" }]);
  const [{ options } = { options: undefined }] = calls;
  expect(options).toMatchObject({
    toolCallId: expect.stringMatching(/^c1:.+:1$/),
    messages: [{ role: "user", content: "How many?" }] satisfies ModelMessage[],
    context: { tenant: "acme" },
    abortSignal: expect.any(AbortSignal),
  });
  expect(new Set(calls.map((call) => call.options.toolCallId)).size).toBe(3);
});

test("a tool caller checks inputs with the tool's own schema, and takes the last of a stream", async () => {
  const stream = tool({
    inputSchema: z.object({ n: z.number().default(2) }),
    async *execute({ n }) {
      for (let i = 0; i <= n; i++) yield i;
    },
  });
  const model = writes("return [await tools.stream({}), await tools.stream({ n: 'x' }).catch((e) => e.name)]");
  await generateText({
    model,
    tools: { execute_code: codemodeToolCaller(codemode), stream },
    experimental_toolCallers: { stream: ["execute_code"] },
    prompt: "?",
    stopWhen: isStepCount(2),
  });
  expect(model.read(1)[0]).toMatch(/^Value: \[2,"ToolInputError"\]/);
});
