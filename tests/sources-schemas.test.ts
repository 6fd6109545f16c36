import { toStandardJsonSchema } from "@valibot/to-json-schema";
import { type } from "arktype";
import * as v from "valibot";
import { expect, test } from "vitest";
import { z } from "zod";
import * as zMini from "zod/mini";
import * as z3 from "zod/v3";
import { ComponentRegistry, type JsonSchema, type Schema } from "../client/src/index.ts";
import { callTool, inputOf } from "./source-fixture.ts";

const echo = (inputSchema: Schema) =>
  new ComponentRegistry().register("echo", { description: "", inputSchema, execute: (input: unknown) => input });

const json = { type: "object", properties: { a: { type: "number" } }, required: ["a"] };

test.each([
  ["zod 4", z.object({ a: z.number() }), true],
  ["zod mini", zMini.object({ a: zMini.number() }), true],
  ["zod 3, which has no JSON Schema of its own", z3.object({ a: z3.number() }), false],
  ["valibot", v.object({ a: v.number() }), false],
  ["valibot with its JSON Schema", toStandardJsonSchema(v.object({ a: v.number() })), true],
  ["arktype", type({ a: "number" }), true],
  ["JSON Schema", json, true],
])("%s is enforced, and told where it can be", async (_, schema, isTold) => {
  const registry = echo(schema as Schema);
  expect(await callTool(registry, "echo", { a: 1 })).toEqual({ a: 1 });
  await expect(callTool(registry, "echo", { a: "x" })).rejects.toThrow(/^Input: /);
  expect(inputOf(registry, "echo")).toEqual(isTold ? expect.objectContaining(json) : undefined);
});

test("the draft that $schema names is the one that counts", async () => {
  const tuple = {
    $schema: "http://json-schema.org/draft-07/schema#",
    items: [{ type: "number" }],
    additionalItems: false,
  };
  await expect(callTool(echo(tuple), "echo", [1, 2])).rejects.toThrow(/^Input: /);
  expect(await callTool(echo(tuple), "echo", [1])).toEqual([1]);
  const modern = { prefixItems: [{ type: "number" }], items: false };
  await expect(callTool(echo(modern), "echo", [1, 2])).rejects.toThrow(/^Input: /);
  const old = {
    $schema: "http://json-schema.org/draft-04/schema#",
    type: "number",
    minimum: 1,
    exclusiveMinimum: true,
  };
  await expect(callTool(echo(old), "echo", 1)).rejects.toThrow(/^Input: /);
});

test("a property that is undefined is one that is left out", async () => {
  const schema = { type: "object", properties: { a: { type: "number" } }, additionalProperties: false };
  expect(await callTool(echo(schema), "echo", { a: undefined })).toEqual({});
  await expect(callTool(echo({ ...schema, required: ["a"] }), "echo", { a: undefined })).rejects.toThrow("a: missing");
});

test("a schema that refers to itself is followed, and one that does nothing else ends", async () => {
  const tree = {
    $ref: "#/$defs/tree",
    $defs: { tree: { properties: { below: { $ref: "#/$defs/tree" }, n: { type: "number" } } } },
  };
  expect(await callTool(echo(tree), "echo", { below: { below: { n: 1 } } })).toEqual({ below: { below: { n: 1 } } });
  await expect(callTool(echo(tree), "echo", { below: { below: { n: "x" } } })).rejects.toThrow("below.below.n");
  await expect(callTool(echo({ $ref: "#" }), "echo", 1)).rejects.toThrow("its schema goes round in circles");
});

const deep = (levels: number): JsonSchema => (levels === 0 ? {} : { properties: { a: deep(levels - 1) } });
const circle: Record<string, unknown> = {};
circle["properties"] = { a: circle };

test.each<[string, JsonSchema, string]>([
  ["of 10 MB", { description: "x".repeat(10_000_000) }, "it has more than 256 Ki characters"],
  [
    "of a million names",
    { enum: Array.from({ length: 1_000_000 }, (_, n) => n) },
    "it has more than 256 Ki characters",
  ],
  ["that is deep", deep(40), "nested more than 64 deep"],
  ["that is deeper than the stack", deep(5_000), "nested more than 64 deep"],
  ["that is a circle of objects", circle, "it is circular"],
  ["that refers to a file", { $ref: "file:///etc/passwd" }, '"file:///etc/passwd", which is not within it'],
  ["that refers to a host", { properties: { a: { $ref: "http://127.0.0.1:9/x" } } }, "nothing is fetched or read"],
  ["that refers to nothing", { $ref: "#/$defs/none" }, "which is not within it"],
  ["with a pattern that is none", { type: "string", pattern: "(" }, 'its pattern "(" is no regular expression'],
])("a schema %s is refused", (_, schema, message) => {
  expect(() => echo(schema)).toThrow('Cannot register tool "echo" (register()): its schema cannot be used');
  expect(() => echo(schema)).toThrow(message);
});

test.each<[string, JsonSchema, unknown]>([
  ["a pattern that runs away", { type: "string", pattern: "^(a+)+$" }, `${"a".repeat(50)}!`],
  ["a pattern of names that runs away", { patternProperties: { "^(a+)+$": {} } }, { [`${"a".repeat(50)}!`]: 1 }],
  ["many items to compare", { uniqueItems: true }, Array.from({ length: 100_000 }, (_, n) => ({ n }))],
  [
    "choices without end",
    {
      $ref: "#/$defs/a",
      $defs: {
        a: { anyOf: Array.from({ length: 9 }, () => ({ properties: { x: { $ref: "#/$defs/a" } }, required: ["x"] })) },
      },
    },
    JSON.parse(`${'{"x":'.repeat(20)}1${"}".repeat(20)}`),
  ],
])("%s is stopped", async (_, schema, value) => {
  await expect(callTool(echo(schema), "echo", value)).rejects.toThrow("takes more than 100 ms to check");
});

test("patterns with the escapes that others are used to, and names that objects have, are no trouble", async () => {
  const mail = { type: "string", pattern: "^[\\w\\.\\-]+\\@[a-z\\_]+$" };
  expect(await callTool(echo(mail), "echo", "a-b@c_d")).toBe("a-b@c_d");
  await expect(callTool(echo(mail), "echo", "a b")).rejects.toThrow(/^Input: /);
  const named = JSON.parse(
    '{"properties": {"constructor": {"type": "string"}, "__proto__": {"type": "number"}}, "format": "constructor"}',
  );
  expect(await callTool(echo(named), "echo", { a: 1 })).toEqual({ a: 1 });
  await expect(callTool(echo(named), "echo", { constructor: 1 })).rejects.toThrow(/^Input: /);
  expect(({} as { type?: unknown }).type).toBeUndefined();
});

test("examples and other remarks are not read as schemas", async () => {
  const schema = {
    type: "object",
    "x-a": { id: "same" },
    "x-b": { id: "same", other: 1 },
    example: { $ref: "file:///x" },
  };
  expect(await callTool(echo(schema), "echo", {})).toEqual({});
  expect(inputOf(echo(schema), "echo")).toEqual(schema);
});

test("the schema of the app is left as it was", () => {
  const schema = Object.freeze({ type: "object", properties: Object.freeze({ a: Object.freeze({ type: "number" }) }) });
  echo(schema);
  expect(Reflect.ownKeys(schema)).toEqual(["type", "properties"]);
});
