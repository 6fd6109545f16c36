import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { CallInfo } from "../component.ts";
import { cannot, type Found } from "../found.ts";
import type { JsonSchema } from "../json-schema.ts";
import { compileSchema, type Schema } from "../schema.ts";
import { mustBeApproved, mustNotAsk } from "./approval.ts";
import { isAsyncIterable, isStandardSchema } from "../interfaces.ts";
import { type Foreign, isPlain, method, schemaOf, textOf } from "./reading.ts";

// Tools of the AI SDK, 5 to 7. `tool()` returns what it is given: a tool with a zod schema and nothing else is also one of
// ours. It is then called with what both are called with.

const SCHEMA = Symbol.for("vercel.ai.schema");

/** What tools of ours do not have. */
const MARKS = [
  "contextSchema",
  "needsApproval",
  "onInputAvailable",
  "onInputDelta",
  "onInputStart",
  "providerOptions",
  "strict",
  "toModelOutput",
];
const TYPES: ReadonlySet<unknown> = new Set(["function", "dynamic", "provider", "provider-defined"]);

/** Whether `value` can only be a tool of the AI SDK. */
export function isAiSdkTool(value: object): value is Foreign {
  if (!isPlain(value) || !("inputSchema" in value)) return false;
  const { inputSchema, type } = value;
  const isLazy = typeof inputSchema === "function" && !isStandardSchema(inputSchema);
  return TYPES.has(type) || isAiSchema(inputSchema) || isLazy || MARKS.some((mark) => mark in value);
}

/** A tool of the AI SDK; undefined for one that its provider runs. */
export function fromAiSdk(tool: Foreign, key: string | undefined): Found | undefined {
  const name = key ?? "";
  const origin = key === undefined ? "an AI SDK tool" : `the AI SDK tool "${key}"`;
  const { type, isProviderExecuted, execute, needsApproval } = tool;
  const isProviders = type === "provider" || type === "provider-defined";
  if (isProviderExecuted === true || (isProviders && typeof execute !== "function")) return undefined;
  if (typeof execute !== "function") throw cannot("tool", name, origin, "it has no execute() function");
  mustNotAsk("tool", name, origin, needsApproval);
  const contextOf = contextFor(tool["contextSchema"]);
  return {
    kind: "tool",
    name: key,
    origin,
    description: descriptionOf(tool["description"]),
    inputSchema: fromFlexible(tool["inputSchema"]),
    outputSchema: fromFlexible(tool["outputSchema"]),
    inputExamples: tool["inputExamples"],
    async handle(input, call) {
      const options = {
        ...aiSdkOptions(call),
        context: await contextOf(call),
        experimental_context: call.context.variables,
      };
      if (typeof needsApproval === "function")
        await mustBeApproved(name, method(tool, "needsApproval")(input, options));
      return lastOf(method(tool, "execute")(input, options), call.signal);
    },
  };
}

/** What the AI SDK tells a tool besides its input. */
export function aiSdkOptions({ idempotencyKey, signal }: CallInfo): Record<string, unknown> {
  return { toolCallId: idempotencyKey, messages: [], abortSignal: signal };
}

/** The last of the results, of which those before are preliminary. */
async function lastOf(result: unknown, signal: AbortSignal): Promise<unknown> {
  if (!isAsyncIterable(result)) return result;
  let last: unknown;
  for await (const each of result) {
    signal.throwIfAborted();
    last = each;
  }
  return last;
}

/** The SDK lets a description be a function of the context, which there is none of yet. */
function descriptionOf(description: unknown): string {
  if (typeof description !== "function") return textOf(description);
  try {
    return textOf((description as (options: object) => unknown)({ context: {} }));
  } catch {
    return "";
  }
}

/** What a tool is given as `context`: those values of the run's context, secrets included, that its schema names. */
function contextFor(contextSchema: unknown): (call: CallInfo) => Promise<unknown> {
  const schema = fromFlexible(contextSchema);
  return async ({ context }) => {
    const settled = await schema;
    if (!settled) return context.variables;
    const names = Object.keys(jsonOf(settled)["properties"] ?? {}).filter((name) => context.has(name));
    const values: unknown = Object.fromEntries(names.map((name) => [name, context.get(name)]));
    if (!isStandardSchema(settled)) return values;
    const result = await settled["~standard"].validate(values);
    if (!result.issues) return result.value;
    throw new Error(`The context does not have what the tool asks for: ${result.issues[0]?.message ?? ""}`);
  };
}

function jsonOf(schema: Schema): JsonSchema {
  if (!isStandardSchema(schema)) return schema;
  const { json } = compileSchema(schema, "input");
  return json === "" ? {} : (JSON.parse(json) as JsonSchema);
}

interface AiSchema {
  readonly jsonSchema: JsonSchema | PromiseLike<JsonSchema>;
  readonly validate?: (value: unknown) => AiResult | PromiseLike<AiResult>;
}
type AiResult =
  | { readonly success: true; readonly value: unknown }
  | { readonly success: false; readonly error: unknown };

function isAiSchema(schema: unknown): schema is AiSchema {
  return typeof schema === "object" && schema !== null && SCHEMA in schema;
}

/** What the SDK takes for a schema: its own, a Standard Schema, or a function that makes one. */
function fromFlexible(schema: unknown): Schema | Promise<Schema> | undefined {
  if (isAiSchema(schema)) {
    const { jsonSchema, validate } = schema;
    if (isThenable(jsonSchema)) return Promise.resolve(jsonSchema).then((json) => toStandard(json, validate));
    return toStandard(jsonSchema, validate);
  }
  if (typeof schema === "function" && !isStandardSchema(schema)) return fromFlexible((schema as () => unknown)());
  return schemaOf(schema);
}

function toStandard(json: JsonSchema, validate: AiSchema["validate"]): Schema {
  if (!validate) return json;
  const jsonSchema = { input: () => json, output: () => json };
  const check = async (value: unknown): Promise<StandardSchemaV1.Result<unknown>> => {
    const result = await validate(value);
    return result.success ? { value: result.value } : { issues: issuesOf(result.error) };
  };
  return { "~standard": { version: 1, vendor: "ai", validate: check, jsonSchema } };
}

/** What a library found, behind the errors that were made of it. */
function issuesOf(error: unknown): readonly StandardSchemaV1.Issue[] {
  const { issues, cause, message } = (error ?? {}) as { issues?: unknown; cause?: unknown; message?: unknown };
  if (Array.isArray(issues)) return issues as StandardSchemaV1.Issue[];
  if (Array.isArray(cause)) return cause as StandardSchemaV1.Issue[];
  if (typeof cause === "object" && cause !== null) return issuesOf(cause);
  return [{ message: typeof message === "string" ? message : String(error) }];
}

function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as PromiseLike<T> | null)?.then === "function";
}
