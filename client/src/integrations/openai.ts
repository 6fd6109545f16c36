import type { FunctionTool as AgentsTool } from "@openai/agents";
import type { ChatCompletionFunctionTool } from "openai/resources/chat/completions";
import type { FunctionTool } from "openai/resources/responses/responses";
import { z } from "zod";
import type { Codemode } from "../codemode.ts";
import { type ExecuteCodeOptions, runCode, textOf, toolText } from "./execute-code.ts";
import { messageOf } from "../thrown.ts";

export type { ExecuteCodeOptions } from "./execute-code.ts";

/** For the OpenAI SDK: what to send, and what to call with the arguments that the model has written. */
export interface CodemodeFunction {
  /** For `tools` of the Chat Completions API. */
  readonly chat: ChatCompletionFunctionTool;
  /** For `tools` of the Responses API. */
  readonly responses: FunctionTool;
  /**
   * Runs the program that a model has asked for, and resolves with what the model should read: the text of the tool message
   * (Chat Completions) or the output of the `function_call_output` (Responses). Arguments that cannot be read are told in
   * the same way. Throws when no executor can be reached.
   *
   * @param json `arguments` of the call, as the model wrote them
   */
  readonly call: (json: string, options?: { readonly signal?: AbortSignal }) => Promise<string>;
}

/** The function with which a model runs programs over the tools and agents of the registry, as they are now. */
export function codemodeFunction(codemode: Codemode, options: ExecuteCodeOptions = {}): CodemodeFunction {
  const { name, description, inputSchema } = toolText(codemode, options);
  const definition = { name, description, parameters: inputSchema, strict: true };
  return {
    chat: { type: "function", function: definition },
    responses: { type: "function", ...definition },
    call: async (json, { signal } = {}) => {
      const code = codeIn(json);
      if (code === undefined) return `The arguments of ${name} must be JSON of the form {"code": "…"}`;
      return textOf(await runCode(codemode, code, options, signal), options);
    },
  };
}

/**
 * A tool of `@openai/agents` with which an agent runs programs over the tools and agents of the registry, as they are now.
 *
 * A program that fails is an answer like any other, which says how to mend it; so is an executor that cannot be reached, as
 * with every tool of theirs. The `signal` of the agent's run ends the program.
 */
export function codemodeTool(codemode: Codemode, options: ExecuteCodeOptions = {}): AgentsTool {
  const { responses, call } = codemodeFunction(codemode, options);
  const { name, description, parameters } = responses;
  return {
    type: "function",
    name,
    description: description ?? "",
    parameters: parameters as AgentsTool["parameters"],
    strict: true,
    invoke: async (_context, json, { signal } = {}) => {
      try {
        return await call(json, { ...(signal && { signal }) });
      } catch (error) {
        return `The program could not be run: ${messageOf(error)}`;
      }
    },
    needsApproval: () => Promise.resolve(false),
    isEnabled: () => Promise.resolve(true),
  };
}

const input = z.object({ code: z.string() });

function codeIn(json: string): string | undefined {
  try {
    return input.safeParse(JSON.parse(json)).data?.code;
  } catch {
    return undefined;
  }
}
