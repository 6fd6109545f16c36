import { RegistryError, ToolError } from "../../errors.ts";
import type { CallInfo } from "../component.ts";
import type { Found } from "../found.ts";
import { type Foreign, hasMethods, isPlain, schemaOf, textOf } from "./reading.ts";

// Clients of the Model Context Protocol: of `@modelcontextprotocol/sdk` (1) and of `@modelcontextprotocol/client` (2).

const MAX_PAGES = 1_000;
const MAX_TOOLS = 10_000;
/** As long as a timer can be: what a call may take is for the run to say, whose signal is passed on. */
const NO_TIMEOUT_MS = 2 ** 31 - 1;

/** What is used of a client. */
export interface McpClient {
  listTools(params?: { cursor?: string }, options?: object): Promise<{ tools: McpTool[]; nextCursor?: string }>;
  callTool(params: object, ...rest: unknown[]): Promise<unknown>;
  getServerVersion?(): { name?: unknown } | undefined;
  getServerCapabilities?(): { tools?: { listChanged?: unknown } } | undefined;
  /** Of version 2 alone. */
  getProtocolEra?(): unknown;
}

interface McpTool {
  readonly name: string;
  readonly description?: unknown;
  readonly inputSchema?: unknown;
  readonly outputSchema?: unknown;
  readonly annotations?: { readonly idempotentHint?: unknown; readonly readOnlyHint?: unknown };
}

interface McpResult {
  readonly content?: unknown;
  readonly structuredContent?: unknown;
  readonly isError?: unknown;
}

export function isMcpClient(value: unknown): value is McpClient {
  return hasMethods(value, "listTools", "callTool");
}

export function isVersion2(client: McpClient): boolean {
  return typeof client.getProtocolEra === "function";
}

/** How errors call the server. */
export function mcpOrigin(client: McpClient): string {
  const { name } = client.getServerVersion?.() ?? {};
  return `the MCP server${typeof name === "string" && name !== "" ? ` "${name.slice(0, 100)}"` : ""}`;
}

/** Every tool of the server as it is now, with its own name. */
export async function fromMcp(client: McpClient, origin = mcpOrigin(client)): Promise<readonly Found[]> {
  if (client.getServerCapabilities && !client.getServerCapabilities()?.tools) {
    throw new RegistryError(`Cannot register the tools of ${origin}: it is not connected, or offers none`);
  }
  const tools: McpTool[] = [];
  const cursors = new Set<string>();
  for (let cursor: string | undefined; ;) {
    const page = await client.listTools(cursor === undefined ? undefined : { cursor }, { cacheMode: "refresh" });
    tools.push(...page.tools);
    cursor = page.nextCursor === "" ? undefined : page.nextCursor;
    const isEndless = cursor !== undefined && (cursors.has(cursor) || cursors.size >= MAX_PAGES);
    if (isEndless || tools.length > MAX_TOOLS) {
      throw new RegistryError(`Cannot register the tools of ${origin}: its list of them does not end`);
    }
    if (cursor === undefined) break;
    cursors.add(cursor);
  }
  return tools.map((tool) => toFound(client, tool, origin));
}

function toFound(client: McpClient, tool: McpTool, origin: string): Found {
  const { name, description, inputSchema, outputSchema, annotations } = tool;
  return {
    kind: "tool",
    name,
    origin,
    description: textOf(description),
    inputSchema: schemaOf(inputSchema),
    outputSchema: schemaOf(outputSchema),
    isStrangers: true,
    // Reading again is harmless.
    idempotent: annotations?.idempotentHint === true || annotations?.readOnlyHint === true,
    handle: (input, call) => callMcp(client, name, input, call),
  };
}

async function callMcp(client: McpClient, name: string, input: unknown, { signal }: CallInfo): Promise<unknown> {
  const params = { name, arguments: isPlain(input) ? input : {} };
  const options = { signal, timeout: NO_TIMEOUT_MS };
  const result = await (isVersion2(client)
    ? client.callTool(params, options)
    : client.callTool(params, undefined, options));
  return valueOf(result as McpResult, name);
}

/** What a program makes most of: data, else text, else the blocks. */
function valueOf({ content, structuredContent, isError }: McpResult, name: string): unknown {
  const blocks = (Array.isArray(content) ? content : []) as readonly Foreign[];
  const texts = blocks.map((block) => (block["type"] === "text" ? block["text"] : undefined));
  const text = texts.filter((part) => typeof part === "string").join("\n");
  if (isError === true) throw new ToolError(text === "" ? `"${name}" failed, and does not say why` : text);
  if (structuredContent !== undefined) return structuredContent;
  return texts.every((part) => typeof part === "string") ? text : blocks;
}
