import {
  experimental_toolCaller,
  type Experimental_ToolCallerTool,
  jsonSchema,
  tool,
  type Tool,
  type ToolExecutionOptions,
  type ToolSet,
} from "ai";
import type { Codemode } from "../codemode.ts";
import { ComponentRegistry } from "../registry/index.ts";
import { type CodeResult, type ExecuteCodeOptions, resultOf, runCode, toolText } from "./execute-code.ts";

export type { CodeResult, ExecuteCodeOptions, ImageResult } from "./execute-code.ts";

/** The tool: takes a program, gives the app a {@link CodeResult} and the model its text and images. */
export type CodemodeTool = Tool<{ code: string }, CodeResult> & {
  execute: (input: { code: string }, options: ToolExecutionOptions<unknown>) => Promise<CodeResult>;
};

/**
 * A tool of the AI SDK with which the model runs programs over the tools and agents of the registry. What it is called is
 * its key in `tools`: `generateText({ tools: { execute_code: codemodeTool(codemode) }, … })`.
 *
 * A program that fails is a result, whose text says how to mend it. An executor that cannot be reached is thrown, and
 * becomes a `tool-error`. `abortSignal` ends the run.
 */
export function codemodeTool(codemode: Codemode, options: Omit<ExecuteCodeOptions, "name"> = {}): CodemodeTool {
  return toolOver(codemode, options, (code, { abortSignal }) => runCode(codemode, code, options, abortSignal));
}

/**
 * As `codemodeTool`, for `experimental_toolCallers`: its programs call the tools beside it that name it as their caller, and
 * those alone. These get the `messages`, `context` and `experimental_sandbox` of the call of the program, an `abortSignal`
 * that also fires when the run ends, and `<id of that call>:<id of theirs>` as `toolCallId`.
 *
 * `generateText({ tools: { execute_code: codemodeToolCaller(codemode), add }, experimental_toolCallers: { add: ["execute_code"] }, … })`
 *
 * @throws {@link RegistryError} from `generateText` when a tool cannot be called by a program: it has no `execute`, needs
 * approval, or has a name that no tool can have.
 */
export function codemodeToolCaller(
  codemode: Codemode,
  options: Omit<ExecuteCodeOptions, "name" | "tools" | "agents"> = {},
): Experimental_ToolCallerTool<CodemodeTool> {
  const bind = (tools: ToolSet): CodemodeTool =>
    toolOver(codemode.withRegistry(registryOf(tools)), options, (code, call) =>
      runCode(codemode.withRegistry(registryOf(tools, call)), code, options, call.abortSignal),
    );
  return experimental_toolCaller(bind({}), { type: "local", bind });
}

function toolOver(
  described: Codemode,
  options: ExecuteCodeOptions,
  run: (code: string, call: ToolExecutionOptions<unknown>) => ReturnType<typeof runCode>,
): CodemodeTool {
  return tool<{ code: string }, CodeResult, Record<string, unknown>>({
    description: () => toolText(described, options).description, // the registry may grow between two steps
    inputSchema: jsonSchema<{ code: string }>(toolText(described, options).inputSchema),
    execute: async ({ code }, call) => resultOf(await run(code, call), options),
    toModelOutput: ({ output: { text, images } }) =>
      images.length === 0
        ? { type: "text", value: text }
        : {
            type: "content",
            value: [
              { type: "text", text },
              ...images.map(({ mimeType, data }) => ({
                type: "file" as const,
                mediaType: mimeType,
                data: { type: "data" as const, data },
              })),
            ],
          },
  }) as CodemodeTool;
}

/** A registry of these tools, whose calls belong to `outer`, the call of the program. */
function registryOf(tools: ToolSet, outer?: ToolExecutionOptions<unknown>): ComponentRegistry {
  const registry = new ComponentRegistry();
  for (const [name, one] of Object.entries(tools)) {
    const { execute } = one;
    if (!execute || !outer) registry.register(name, one);
    else {
      const within = (input: unknown, { toolCallId, abortSignal }: ToolExecutionOptions<unknown>): unknown =>
        Reflect.apply(execute, one, [
          input,
          { ...outer, toolCallId: `${outer.toolCallId}:${toolCallId}`, ...(abortSignal && { abortSignal }) },
        ]);
      registry.register(name, { ...one, contextSchema: undefined, execute: within });
    }
  }
  return registry;
}
