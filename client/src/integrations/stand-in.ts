// Until branches `in` and `prompt` are merged.
import type { Codemode } from "../codemode.ts";
import type { ComponentRegistry, JsonSchema } from "../registry/index.ts";

export function describe(
  codemode: Codemode,
  _options: { budgetTokens?: number; tools?: readonly string[]; agents?: readonly string[] },
): { toolDescription: string; inputSchema: JsonSchema } {
  const inputSchema = {
    type: "object",
    properties: { code: { type: "string" } },
    required: ["code"],
    additionalProperties: false,
  };
  const lines = codemode.registry.listTools().map((t) => `tools.${t.name}(input) // ${t.description} ${t.input.json}`);
  return {
    toolDescription: ["Runs a program that calls tools as tools.<name>(input).", ...lines].join("\n"),
    inputSchema,
  };
}

// oxlint-disable-next-line typescript/no-explicit-any -- stand-in
export function register(registry: ComponentRegistry, name: string, tool: any): void {
  registry.registerTool(name, {
    description: tool.description ?? "",
    inputSchema: tool.inputSchema,
    execute: async (input, call) => {
      const output = tool.execute(input, {
        toolCallId: call.idempotencyKey,
        messages: [],
        abortSignal: call.signal,
        context: undefined,
      });
      if (output?.[Symbol.asyncIterator]) {
        let last;
        for await (const part of output) last = part;
        return last;
      }
      return output;
    },
  });
}
