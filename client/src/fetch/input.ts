import type { StandardSchemaV1 } from "@standard-schema/spec";
import { z } from "zod";
import type { Schema } from "../registry/schema.ts";

/** What a program asks for. */
export interface FetchInput {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | undefined;
  readonly redirect: "follow" | "error" | "manual";
}

const schema = z.strictObject({
  url: z.string().max(16_384),
  method: z
    .string()
    .max(32)
    .default("GET")
    .transform((method) => method.toUpperCase()),
  headers: z.record(z.string().max(256), z.string().max(16_384)).default({}),
  body: z.union([z.string(), z.instanceof(Uint8Array)]).optional(),
  redirect: z.enum(["follow", "error", "manual"]).default("follow"),
});

/** As a program reads it: bytes have no word in JSON Schema. */
const told = {
  type: "object",
  properties: {
    url: { type: "string" },
    method: { type: "string", default: "GET" },
    headers: { type: "object", additionalProperties: { type: "string" } },
    body: { description: "A string or a Uint8Array" },
    redirect: { enum: ["follow", "error", "manual"], default: "follow" },
  },
  required: ["url"],
  additionalProperties: false,
};

const validate = (value: unknown): StandardSchemaV1.Result<unknown> | Promise<StandardSchemaV1.Result<unknown>> =>
  schema["~standard"].validate(value);

export const inputSchema = {
  "~standard": { version: 1, vendor: "codemode", validate, jsonSchema: { input: () => told, output: () => told } },
} as Schema;

/** As `fetch` of the program is told of an answer; what it makes of it is a `Response`. */
export const outputSchema = {
  "~standard": {
    version: 1,
    vendor: "codemode",
    validate: (value: unknown) => ({ value }),
    jsonSchema: { input: () => answer, output: () => answer },
  },
} as Schema;

const answer = {
  type: "object",
  properties: {
    status: { type: "integer" },
    statusText: { type: "string" },
    url: { type: "string" },
    redirected: { type: "boolean" },
    headers: { type: "object", additionalProperties: { type: "string" } },
    body: { description: "Text, or a Uint8Array where it is none" },
  },
  required: ["status", "statusText", "url", "redirected", "headers", "body"],
};
