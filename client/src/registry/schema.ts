import type { StandardJSONSchemaV1, StandardSchemaV1 } from "@standard-schema/spec";
import { z } from "zod";
import { isStandardSchema } from "./interfaces.ts";
import { type Checked, issuesText, pathText } from "./issues.ts";
import { compileJsonSchema, type JsonSchema } from "./json-schema.ts";
import { schemaText } from "./schema-text.ts";

/** How a tool says what it takes and returns: a Standard Schema (zod, valibot, arktype …) or a JSON Schema. */
export type Schema = StandardSchemaV1 | JsonSchema;

/** What a handler receives when its input passed `S`. */
// oxlint-disable-next-line typescript/no-explicit-any -- a JSON Schema says nothing to TypeScript: the handler names the type
export type InputOf<S> = S extends StandardSchemaV1 ? StandardSchemaV1.InferOutput<S> : any;
/** What a handler returns, to be passed through `S`. */
export type OutputOf<S> = S extends StandardSchemaV1 ? StandardSchemaV1.InferInput<S> : unknown;

/** One way to ask every kind of schema. */
export interface CompiledSchema {
  check(value: unknown): Checked | Promise<Checked>;
  /** JSON Schema text for the manifest; empty when the schema has no such form. */
  readonly json: string;
}

const ANYTHING: CompiledSchema = { check: (value) => ({ ok: true, value }), json: "" };

/** Makes `schema` ready for use. `side` is the side of it that the program sees; `isLenient` as of `compileJsonSchema`. */
export function compileSchema(schema: Schema | undefined, side: "input" | "output", isLenient = false): CompiledSchema {
  if (schema === undefined) return ANYTHING;
  if (isStandardSchema(schema)) return compileStandardSchema(schema, side);
  return compileJsonSchema(schema, isLenient);
}

function compileStandardSchema(schema: StandardSchemaV1, side: "input" | "output"): CompiledSchema {
  const standard = schema["~standard"];
  const toChecked = (result: StandardSchemaV1.Result<unknown>): Checked =>
    result.issues ? { ok: false, message: issuesText(result.issues.map(readable)) } : { ok: true, value: result.value };
  return {
    check(value) {
      const result = standard.validate(value);
      return result instanceof Promise ? result.then(toChecked) : toChecked(result);
    },
    json: jsonSchemaOf(schema, side),
  };
}

function readable(issue: StandardSchemaV1.Issue): { path: string; message: string } {
  const keys = (issue.path ?? []).map((part) => (typeof part === "object" ? part.key : part));
  return { path: pathText(keys), message: issue.message.replace(/^Invalid input: /, "") };
}

function jsonSchemaOf(schema: StandardSchemaV1, side: "input" | "output"): string {
  const standard: StandardSchemaV1.Props & { jsonSchema?: unknown } = schema["~standard"];
  const converter = standard.jsonSchema as StandardJSONSchemaV1.Converter | undefined;
  try {
    // Zod 4 before 4.2, and its mini, leave that to a function of theirs.
    if (!converter && "_zod" in schema) return schemaText(z.toJSONSchema(schema as z.core.$ZodType, { io: side }));
    return converter ? schemaText(converter[side]({ target: "draft-2020-12" })) : "";
  } catch {
    return ""; // a schema may hold what JSON Schema cannot say, or be too large to tell; it is enforced all the same
  }
}
