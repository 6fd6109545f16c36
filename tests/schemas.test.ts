import { expect, test } from "vitest";
import { z } from "zod";
import { Codemode, ComponentRegistry, type Schema } from "../client/src/index.ts";
import { startScripted } from "./scripted-executor.ts";

/** What the program gets for `input`, from a tool that returns what it was given. */
async function pass(
  input: unknown,
  schemas: { inputSchema?: Schema; outputSchema?: Schema },
  execute = (given: unknown) => given,
) {
  const registry = new ComponentRegistry().registerTool("echo", { description: "Echo", ...schemas, execute });
  await using executor = await startScripted(async (peer) => {
    peer.accept();
    peer.call(1, "echo", input);
    const { result } = await peer.answer();
    const components = peer.start.components?.value;
    const [tool] = components && "tools" in components ? components.tools : [];
    const given =
      result?.$case === "error"
        ? `${result.value.name}: ${result.value.message}`
        : result?.$case === "value" && result.value.data.toString();
    peer.finish({ given, manifest: tool?.inputSchemaJson });
  });
  await using codemode = Codemode.fromClientConfig({
    registry,
    config: { executor: { mode: "remote", url: executor.url } },
  });
  return (await codemode.execute<{ given: string; manifest: string }>("…")).unwrap();
}

const zodSchema = z.object({ a: z.number(), tags: z.array(z.string()).default([]) });
const jsonSchema = {
  type: "object",
  properties: { a: { type: "number", minimum: 3 }, tags: { type: "array", items: { type: "string" } } },
  required: ["a"],
  additionalProperties: false,
};

test("a Standard Schema fills in its defaults, and the manifest has its JSON Schema", async () => {
  const { given, manifest } = await pass({ a: 1 }, { inputSchema: zodSchema });
  expect(JSON.parse(given)).toEqual({ a: 1, tags: [] });
  expect(JSON.parse(manifest)).toMatchObject({
    type: "object",
    properties: { a: { type: "number" } },
    required: ["a"],
  });
});

test.each([
  ["zod", { a: "x" }, zodSchema, "a: expected number, received string"],
  ["zod", { a: 1, tags: [1] }, zodSchema, "tags[0]: expected string, received number"],
  ["JSON Schema", { a: "x" }, jsonSchema, "a: expected number, received string"],
  ["JSON Schema", {}, jsonSchema, "a: missing"],
  ["JSON Schema", { a: 1 }, jsonSchema, "a: 1 is less than 3"],
  ["JSON Schema", { a: 3, tags: ["x", 2] }, jsonSchema, "tags[1]: expected string, received number"],
  ["JSON Schema", { a: 3, b: 1 }, jsonSchema, "b: not allowed"],
  ["JSON Schema", { a: Number.NaN }, jsonSchema, "a: expected a JSON value, received NaN"],
  ["JSON Schema", undefined, jsonSchema, "expected a JSON value, received undefined"],
])("%s refuses %j with the path of what is wrong", async (_, input, inputSchema, message) => {
  const { given } = await pass(input, { inputSchema }, () => "the handler ran");
  expect(given).toBe(`ToolInputError: ${message}`);
});

test.each([zodSchema, jsonSchema])(
  "a result that does not fit its schema does not reach the program",
  async (outputSchema) => {
    const { given } = await pass({}, { outputSchema }, () => ({ a: "x" }));
    expect(given).toBe("ToolOutputError: a: expected number, received string");
  },
);

test("a result that cannot cross is a ToolOutputError", async () => {
  const { given } = await pass({}, {}, () => ({ save: () => {} }));
  expect(given).toMatch(/^ToolOutputError: .*save/);
});

test("a schema that JSON Schema cannot say is enforced all the same", async () => {
  const { given, manifest } = await pass({ at: 1 }, { inputSchema: z.object({ at: z.date() }) });
  expect([given, manifest]).toEqual(["ToolInputError: at: expected date, received number", ""]);
});
