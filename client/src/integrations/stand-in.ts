// Until branch `prompt` is merged.
import type { Codemode } from "../codemode.ts";
import type { JsonSchema } from "../registry/index.ts";

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
