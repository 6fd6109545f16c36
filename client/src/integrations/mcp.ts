import { type CallToolResult, fromJsonSchema, McpServer } from "@modelcontextprotocol/server";
import { CodemodeError } from "@codemode/proto";
import { z } from "zod";
import type { Codemode } from "../codemode.ts";
import type { Outcome } from "../run/index.ts";
import { type ExecuteCodeOptions, resultOf, runCode, toolText } from "./execute-code.ts";

export type { ExecuteCodeOptions } from "./execute-code.ts";

/** How a server presents itself, besides its tool. */
export interface McpServerOptions extends ExecuteCodeOptions {
  /**
   * How the server introduces itself to its client.
   *
   * @defaultValue { name: "codemode", version: "1.0.0" }
   */
  readonly serverInfo?: { readonly name: string; readonly version: string };
}

/**
 * An MCP server with one tool, `execute_code`, with which a model runs programs over the tools and agents of the registry.
 * It is for one connection: `serveStdio(() => createMcpServer(codemode))` or `createMcpHandler(() => createMcpServer(codemode))`
 * of the MCP SDK make as many as they need. The client is told when the registry, and so what the tool can do, has changed.
 *
 * `content` is the text for the model, and the images that the program has shown; `structuredContent` is
 * `{ value, logs, warnings }`. A program that fails is `isError` with a text that says how to mend it, and so is an executor
 * that cannot be reached. A call that its client cancels ends its run. A value over 64 KiB is cut and keeps its structure, unless
 * `onOversize` or `budgets` say otherwise: clients hand all of it to a model.
 */
export function createMcpServer(codemode: Codemode, options: McpServerOptions = {}): McpServer {
  const server = new McpServer(options.serverInfo ?? { name: "codemode", version: "1.0.0" });
  const { serverInfo: _info, ...toolOptions } = options;
  const runOptions: ExecuteCodeOptions = {
    onOversize: "truncate",
    ...toolOptions,
    budgets: { maxResultBytes: MAX_VALUE_BYTES, ...toolOptions.budgets },
  };
  const { name, description, inputSchema } = toolText(codemode, toolOptions);
  const tool = server.registerTool(
    name,
    { title: "Execute code", description, inputSchema: fromJsonSchema<{ code: string }>(inputSchema), outputSchema },
    async ({ code }, { mcpReq: { signal } }) => {
      try {
        return toCallResult(await runCode(codemode, code, runOptions, signal), runOptions);
      } catch (error) {
        if (!CodemodeError.is(error)) throw error;
        return { isError: true, content: [{ type: "text", text: `The program could not be run: ${error.message}` }] };
      }
    },
  );
  keepFresh(server, codemode, () => {
    try {
      tool.update({ description: toolText(codemode, toolOptions).description });
    } catch {
      // One of `options.tools` has gone: the next call says so.
    }
  });
  return server;
}

/** Calls `update` once after any number of changes at a time, until the connection ends. */
function keepFresh(server: McpServer, { registry }: Codemode, update: () => void): void {
  let waiting: NodeJS.Immediate | undefined;
  const listening = registry.onChange(() => {
    waiting ??= setImmediate(() => {
      waiting = undefined;
      update();
    });
  });
  const { server: connection } = server;
  const before = connection.onclose;
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- it is no EventTarget
  connection.onclose = () => {
    listening[Symbol.dispose]();
    clearImmediate(waiting);
    before?.();
  };
}

const MAX_VALUE_BYTES = 65_536; // about 16,000 tokens

const outputSchema = z.object({
  value: z.unknown().describe("What the program returned"),
  logs: z.array(z.string()).describe("What it wrote to its console"),
  warnings: z.array(z.string()),
});

function toCallResult(outcome: Outcome, options: ExecuteCodeOptions): CallToolResult {
  const { status, text, value, images } = resultOf(outcome, options);
  const content: CallToolResult["content"] = [
    { type: "text", text },
    ...images.map((image) => ({ type: "image" as const, ...image })),
  ];
  if (status !== "ok") return { isError: true, content };
  const logs = outcome.logs.map((line) => line.text);
  return { content, structuredContent: { value, logs, warnings: [...outcome.warnings] } };
}
