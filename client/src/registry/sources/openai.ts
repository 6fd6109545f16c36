import { RegistryError, ToolError } from "../../errors.ts";
import { cannot, type Found } from "../found.ts";
import type { CallInfo, ToolDefinition } from "../component.ts";
import type { Schema } from "../schema.ts";
import { mustBeApproved } from "./approval.ts";
import { type Foreign, hasMethods, method, nameOf, schemaOf, textOf } from "./reading.ts";

/** What the OpenAI Agents SDK answers in place of an error, whose text it keeps to itself. */
const CONCEALED = "An error occurred while running the tool. Please try again.";

/** A function tool of the OpenAI Agents SDK. It checks its input itself. */
export function fromOpenAiAgents(value: object): Found | undefined {
  const tool = value as Foreign;
  if (tool["type"] !== "function" || !hasMethods(tool, "invoke") || !("parameters" in tool)) return undefined;
  const name = nameOf(tool["name"]);
  return {
    kind: "tool",
    name,
    origin: `the OpenAI Agents tool "${name}"`,
    description: textOf(tool["description"]),
    inputSchema: schemaOf(tool["parameters"]),
    outputSchema: schemaOf(tool["outputSchema"]),
    async handle(input, call) {
      const run = runContext(call);
      if (hasMethods(tool, "isEnabled") && (await method(tool, "isEnabled")(run, undefined)) === false) {
        throw new ToolError(`"${name}" is not enabled here`, { code: "NOT_ENABLED" });
      }
      if (hasMethods(tool, "needsApproval")) {
        await mustBeApproved(name ?? "", method(tool, "needsApproval")(run, input, call.idempotencyKey));
      }
      return invokeOpenAi(tool, input, call);
    },
  };
}

/** Calls a function tool of the OpenAI Agents SDK, and throws where it answers that it failed. */
export async function invokeOpenAi(tool: Foreign, input: unknown, call: CallInfo): Promise<unknown> {
  const answer = await method(tool, "invoke")(runContext(call), JSON.stringify(input ?? {}), { signal: call.signal });
  if (answer === CONCEALED) throw new ToolError(CONCEALED);
  return answer;
}

/** As the SDK's own of this name, for tools that read the context. */
function runContext({ context }: CallInfo): object {
  return { context: context.variables };
}

interface FunctionSchema {
  readonly name: string;
  readonly description: string;
  readonly parameters: Schema | undefined;
}

/** A function as the chat and responses APIs of OpenAI describe it, and as many others do. */
function functionSchemaOf(value: unknown): FunctionSchema | undefined {
  const schema = (value ?? {}) as Foreign;
  if (schema["type"] !== "function" || hasMethods(schema, "invoke")) return undefined;
  const of = (schema["function"] ?? schema) as Foreign;
  const name = nameOf(of["name"]);
  if (name === undefined || hasMethods(of, "execute")) return undefined;
  return { name, description: textOf(of["description"]), parameters: schemaOf(of["parameters"]) };
}

/** Throws for a function of which nobody has said what it does. */
export function refuseOpenAiSchema(value: object): undefined {
  const schema = functionSchemaOf(value);
  if (!schema) return undefined;
  const why = "it says what a function takes, and not what it does; pass functionTools(schemas, handlers) instead";
  throw cannot("tool", schema.name, "an OpenAI function schema", why);
}

/**
 * Makes tools of function schemas of OpenAI, in the form of the chat or of the responses API, for `registerAll`.
 *
 * @param handlers What each function does, by its name.
 * @throws {@link RegistryError} when there is a schema without a handler, or a handler without a schema.
 */
export function functionTools(
  schemas: readonly object[],
  handlers: Readonly<Record<string, (input: never, call: CallInfo) => unknown>>,
): Record<string, ToolDefinition<Schema | undefined, undefined>> {
  const tools = Object.create(null) as Record<string, ToolDefinition<Schema | undefined, undefined>>; // of any name
  for (const [index, given] of schemas.entries()) {
    const schema = functionSchemaOf(given);
    if (!schema) throw new RegistryError(`Cannot make tools of functions: schema ${index} is none of a function`);
    const { name, description, parameters } = schema;
    const handler = Object.hasOwn(handlers, name) ? handlers[name] : undefined;
    if (!handler) throw new RegistryError(`Cannot make tools of functions: there is no handler "${name}"`);
    if (Object.hasOwn(tools, name)) throw new RegistryError(`Cannot make tools of functions: "${name}" is there twice`);
    const execute = (input: unknown, call: CallInfo) => handler(input as never, call);
    tools[name] = { description, ...(parameters && { inputSchema: parameters }), execute };
  }
  const left = Object.keys(handlers).find((name) => !Object.hasOwn(tools, name));
  if (left !== undefined) throw new RegistryError(`Cannot make tools of functions: there is no schema "${left}"`);
  return tools;
}
