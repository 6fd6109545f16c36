import { DynamicStructuredTool } from "@langchain/core/tools";
import type { Codemode } from "../codemode.ts";
import type { JsonSchema } from "../registry/index.ts";
import type { Outcome } from "../run/index.ts";
import { type ExecuteCodeOptions, runCode, textOf, toolText } from "./execute-code.ts";

export type { ExecuteCodeOptions } from "./execute-code.ts";

type Input = { code: string };

/**
 * A LangChain tool with which the model runs programs over the tools and agents of the registry, for `bindTools`,
 * `createAgent` and `ToolNode`. The description is of the tools there are when it is made.
 *
 * A program that fails is an answer like any other, which says how to mend it. The `artifact` of the ToolMessage is the
 * {@link Outcome}. An executor that cannot be reached is thrown. The `signal` of the config ends the run.
 */
export function codemodeTool(
  codemode: Codemode,
  options: ExecuteCodeOptions = {},
): DynamicStructuredTool<JsonSchema, Input, Input, [text: string, outcome: Outcome]> {
  const { name, description, inputSchema: schema } = toolText(codemode, options);
  return new DynamicStructuredTool({
    name,
    description,
    schema,
    responseFormat: "content_and_artifact",
    func: async ({ code }, _manager, config): Promise<[text: string, outcome: Outcome]> => {
      const outcome = await runCode(codemode, code, options, config?.signal);
      return [textOf(outcome, options), outcome];
    },
  });
}
