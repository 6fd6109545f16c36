import { printType } from "@codemode/proto/discovery";
import { expect, test } from "vitest";

const ROOM = { maxLength: 4_000, maxDepth: 12 };

test.for<readonly [what: string, schema: unknown, type: string]>([
  ["anything", true, "unknown"],
  ["nothing", false, "never"],
  ["no schema", undefined, "unknown"],
  ["a type that there is not", { type: "file" }, "unknown"],
  ["types", { type: ["integer", "string", "null"] }, "number | string | null"],
  ["a constant", { const: { a: [1, null], "b c": -1.5 } }, '{ "a": [1, null], "b c": -1.5 }'],
  ["constants, each once", { enum: ["a", 'b"', 1, "a", true] }, '"a" | "b\\"" | 1 | true'],
  ["constants that the type refuses", { type: "string", enum: ["a", null] }, '"a"'],
  ["an empty choice", { anyOf: [] }, "never"],
  ["a choice with anything", { anyOf: [{ type: "string" }, {}] }, "unknown"],
  ["null, as OpenAPI has it", { type: "string", nullable: true }, "string | null"],
  ["null in a list", { type: "array", items: { type: "string", nullable: true } }, "Array<string | null>"],
  ["a list", { type: "array", items: { type: "integer" } }, "number[]"],
  ["a list of anything", { items: {} }, "unknown[]"],
  [
    "a tuple",
    { type: "array", prefixItems: [{ type: "string" }, {}], minItems: 1, items: false },
    "[string, unknown?]",
  ],
  [
    "a tuple of draft-07",
    { items: [{ type: "string" }], additionalItems: { type: "null" }, minItems: 1 },
    "[string, ...null[]]",
  ],
  ["a tuple that is all there may be", { prefixItems: [{ enum: [1, 2] }], maxItems: 1 }, "[(1 | 2)?]"],
  ["members", { properties: { a: {}, "b-c": { type: "null" } }, required: ["a"] }, '{ a: unknown; "b-c"?: null }'],
  ["required members without a schema", { type: "object", required: ["a"] }, "{ a: unknown }"],
  ["no members", { type: "object", additionalProperties: false }, "Record<string, never>"],
  ["any members", { type: "object" }, "Record<string, unknown>"],
  ["members of a type", { type: "object", additionalProperties: { type: "string" } }, "{ [key: string]: string }"],
  [
    "members that match",
    { type: "object", patternProperties: { "^x-": { type: "string" } } },
    "{ [key: string]: string }",
  ],
  [
    "others beside them",
    { properties: { a: { type: "number" } }, additionalProperties: { type: "string" } },
    "{ a?: number; [key: string]: string | number | undefined }",
  ],
  [
    "all of them",
    { allOf: [{ properties: { a: {} } }, { properties: { b: {} } }] },
    "{ a?: unknown } & { b?: unknown }",
  ],
  [
    "one of them beside members",
    { type: "object", properties: { a: {} }, oneOf: [{ required: ["a"] }, { required: ["b"] }] },
    "{ a?: unknown } & ({ a: unknown } | { b: unknown })",
  ],
  ["a pointer", { $ref: "#/$defs/a~1b%20c", $defs: { "a/b c": { type: "string" } } }, "string"],
  [
    "a pointer beside members",
    { $ref: "#/$defs/a", properties: { b: {} }, $defs: { a: { properties: { a: {} } } } },
    "{ a?: unknown } & { b?: unknown }",
  ],
  ["a pointer to nothing", { $ref: "#/$defs/a" }, "unknown"],
  ["what no type says", { not: { type: "string" }, minProperties: 1 }, "unknown"],
])("%s", ([, schema, type]) => {
  expect(printType(schema, { ...ROOM, docs: false, open: false }).type).toBe(type);
});

test("what a schema lets pass is told where it is asked for", () => {
  const schema = { type: "object", properties: { a: {}, b: { properties: {}, additionalProperties: false } } };
  const { type } = printType(schema, { ...ROOM, docs: false, open: true });
  expect(type).toBe("{ a?: unknown; b?: Record<string, never>; [key: string]: unknown }");
});

test("comments tell what types do not", () => {
  const schema = {
    type: "object",
    properties: {
      page: { type: "integer", description: "Page\n\n to  fetch", default: 1, minimum: 1, deprecated: true },
      at: { type: "string", format: "date-time" },
      by: { $ref: "#/$defs/By" },
      plain: { type: "string" },
    },
    $defs: { By: { description: "Order", enum: ["a", "b"] } },
  };
  expect(printType(schema, { ...ROOM, docs: true, open: false }).type).toBe(`{
  /** Page to fetch @deprecated @default 1 @integer @minimum 1 */
  page?: number;
  /** @format date-time */
  at?: string;
  /** Order */
  by?: "a" | "b";
  plain?: string;
}`);
});

test("types that hold themselves or are used twice get names", () => {
  const Place = {
    type: "object",
    properties: { street: { type: "string" }, city: { type: "string" }, postal_code: { type: "string" }, floor: {} },
  };
  const schema = {
    type: "object",
    properties: {
      from: { $ref: "#/$defs/place.v1" },
      to: { $ref: "#/$defs/place.v1" },
      next: { $ref: "#" },
      id: { $ref: "#/$defs/Id" },
      id2: { $ref: "#/$defs/Id" },
    },
    $defs: { "place.v1": Place, Id: { type: "string" } },
  };
  expect(printType(schema, { ...ROOM, docs: false, open: false, prefix: "Send" }, "Input")).toEqual({
    type: "Send_Input",
    named: [
      "type Send_PlaceV1 = { street?: string; city?: string; postal_code?: string; floor?: unknown };",
      "type Send_Input = { from?: Send_PlaceV1; to?: Send_PlaceV1; next?: Send_Input; id?: string; id2?: string };",
    ],
  });
});

test("what there is no room for is unknown, or said to be left out", () => {
  const properties = Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`m${at}`, { type: "string" }]));
  const schema = { type: "object", properties, required: ["m99"] };
  const options = { maxLength: 60, maxDepth: 3, docs: false, open: false };
  expect(printType(schema, options).type).toMatch(/^\{ m99: string; m0\?: string; .*; \[key: string\]: unknown \}$/);
  expect(printType(schema, { ...options, ellipsis: "…" }).type).toMatch(/^\{ m99: string; m0\?: string; .*; … \}$/);
  expect(printType({ enum: Array.from({ length: 200 }, (_, at) => at) }, { ...options, maxLength: 900 }).type).toBe(
    "number",
  );
});
