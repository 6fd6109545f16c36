// Our transport under Mastra's own code mode, and the cases that Mastra tests its own transport with.
import { Agent } from "@mastra/core/agent";
import { createCodeMode, createTool } from "@mastra/core/tools";
import { expect, test } from "vitest";
import { z } from "zod";
import { createCodeModeTransport } from "@codemode/client/mastra";
import { startCodemode } from "./integration-fixture.ts";
import { WritingModel } from "./writing-model.ts";

const codemode = await startCodemode();
const transport = createCodeModeTransport(codemode);

const products = createTool({
  id: "get-products",
  description: "Products of the shop",
  inputSchema: z.object({ limit: z.number() }),
  outputSchema: z.object({ ids: z.array(z.string()) }),
  execute: ({ limit }) => Promise.resolve({ ids: Array.from({ length: limit }, (_, n) => `p${n}`) }),
});
const rating = createTool({
  id: "rating",
  description: "The rating of a product",
  inputSchema: z.object({ id: z.string() }),
  outputSchema: z.number(),
  execute: ({ id }) => Promise.resolve(Number(id.slice(1)) + 1),
});
const tools = { products, rating };

/** Runs a program in Mastra's tool. */
async function run(code: string, timeout?: number): Promise<unknown> {
  const { tool } = createCodeMode({ tools, ...(timeout !== undefined && { timeout }) }, transport);
  const observe = { span: (_name: string, body: () => unknown) => body(), log: () => {} };
  return tool.execute?.({ code }, { observe } as never);
}

test("an agent: a program that fails, the same mended, three calls, and text", async () => {
  const program = (limit: string) => `
    const { ids } = await external_get_products({ limit: ${limit} });
    const ratings = await Promise.all(ids.map((id: string) => external_rating({ id })));
    console.log("rated", ids.length);
    return ratings.reduce((sum, one) => sum + one) / ids.length;`;
  const { tool, instructions } = createCodeMode({ tools }, transport);
  const inputs = ["'two'", "2"].map((limit) => ({ code: program(limit) }));
  const model = new WritingModel("execute_typescript", inputs);
  const agent = new Agent({ id: "a", name: "a", instructions, model: model as never, tools: { [tool.id]: tool } });
  const { text } = await agent.generate("How are our two best products rated?", { maxSteps: 5 });
  const [first, second] = model.read(2);
  expect(first).toMatchObject({ success: false, error: { line: 2, message: expect.stringContaining("limit") } });
  expect(second).toMatchObject({ success: true, result: 1.5, logs: ["rated 2"] });
  expect(text).toMatch(/^Done/);
});

test("what a program throws is told with its message, name and line", async () => {
  expect(await run("const a = 1;\nthrow new RangeError('boom')")).toMatchObject({
    success: false,
    error: { message: "boom", name: "RangeError", line: 2 },
  });
});

test("a tool that is not exposed is not there", async () => {
  expect(await run("return await external_secret({})")).toMatchObject({
    success: false,
    error: { message: expect.stringContaining("external_secret") },
  });
});

test.for([
  ["computes", "for (;;);"],
  ["waits", "await new Promise((done) => setTimeout(done, 10_000)); return 1"],
])("a program that %s for longer than the time-out ends as TimeoutError", async ([, code]) => {
  expect(await run(code ?? "", 300)).toMatchObject({ success: false, error: { name: "TimeoutError" } });
});

test("hooks hear each call and its end, and what they throw changes nothing", async () => {
  const heard: unknown[] = [];
  const result = await transport.run({
    program: "return [await external_get_products({ limit: 1 }), await external_fail().catch((e) => e.message)]",
    toolIds: ["get-products", "fail"],
    dispatch: (id) => (id === "fail" ? Promise.reject(new Error("no")) : Promise.resolve("yes")),
    timeout: 10_000,
    onExternalCall: (...told) => {
      heard.push(told);
      throw new Error("a hook that fails");
    },
    onExternalResult: (id, durationMs, error) => void heard.push([id, typeof durationMs, String(error)]),
  });
  expect(result).toMatchObject({ success: true, result: ["yes", "no"] });
  expect(heard).toEqual([
    ["get-products", { limit: 1 }],
    ["get-products", "number", "undefined"],
    ["fail", {}],
    ["fail", "number", "Error: no"],
  ]);
});

test("the abort signal ends the program", async () => {
  const controller = new AbortController();
  const result = transport.run({
    program: "return await external_wait()",
    toolIds: ["wait"],
    dispatch: () => {
      controller.abort(new Error("enough"));
      return new Promise(() => {});
    },
    timeout: 10_000,
    abortSignal: controller.signal,
  });
  expect(await result).toMatchObject({ success: false, error: { message: expect.stringContaining("enough") } });
});

test("two tools that programs would call by one name are refused", async () => {
  const dispatch = () => Promise.resolve();
  const run = transport.run({ program: "return 1", toolIds: ["a-b", "a_b"], dispatch, timeout: 10_000 });
  await expect(run).rejects.toThrow(/"external_a_b".* it is registered already/);
});
