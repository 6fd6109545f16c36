import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import {
  Client,
  SSEClientTransport,
  StreamableHTTPClientTransport,
  type Transport,
} from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import type { McpServerEntry, McpTransport } from "../../config/index.ts";
import { Redactor } from "../../fetch/redact.ts";
import type { ComponentRegistry } from "../../registry/index.ts";
import { note, printable } from "../print.ts";

const CONNECT_MS = 60_000; // `npx` may have to fetch a package first
const MAX_LINE = 2_000; // characters of a server's stderr

/** The name under which programs find the tools of a server: `tools.<namespace>.<tool>`. */
export function namespaceOf({ name }: McpServerEntry): string {
  return name.replaceAll(/[^\w-]/g, "_");
}

/**
 * One server of the configuration. Whatever goes wrong with it, at its start or later, is told on stderr and to the programs
 * that call its tools. Disposal ends it.
 */
export class UpstreamServer implements AsyncDisposable {
  readonly #entry: McpServerEntry;
  readonly #client: UpstreamClient;
  /** Servers print what they were given, and errors what was sent. */
  readonly #redactor = new Redactor();
  #isClosing = false;

  constructor(entry: McpServerEntry, version: string) {
    this.#entry = entry;
    const { transport } = entry;
    this.#redactor.add(Object.values(transport.kind === "stdio" ? transport.env : transport.headers));
    this.#client = new UpstreamClient(
      { name: "codemode", version },
      // A probe costs one more process where the server is one.
      transport.kind === "http" ? { versionNegotiation: { mode: "auto" } } : {},
    );
  }

  /**
   * Starts the server, or connects to it, and registers its tools under its name; they are followed as they change.
   * False when that could not be done.
   */
  async start(registry: ComponentRegistry): Promise<boolean> {
    const { name } = this.#entry;
    try {
      const transport = this.#transport(this.#entry.transport);
      await this.#client.connect(transport, { timeout: CONNECT_MS });
      // oxlint-disable-next-line unicorn/prefer-add-event-listener -- it is no EventTarget
      this.#client.onclose = () => this.#ended();
      const { names } = await registry.registerAll(this.#client, {
        namespace: namespaceOf(this.#entry),
        onChange: ({ added, removed, error }) =>
          this.#note(error ? `cannot follow its tools, ${error.message}` : changes(added, removed)),
      });
      note(`${this.#entry.place}: server ${JSON.stringify(name)} has ${names.length} tools`);
      return true;
    } catch (error) {
      if (!this.#isClosing) this.#note(`cannot be used, ${reasonOf(error)}`);
      this.#isClosing = true;
      await this.#client.close().catch(() => {});
      return false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true;
    await this.#client.close().catch(() => {});
  }

  #transport(transport: McpTransport): Transport {
    if (transport.kind === "stdio") {
      const { command, args, env, cwd } = transport;
      const parameters = { command, args: [...args], env: { ...env }, ...(cwd !== undefined && { cwd }) };
      const child = new StdioClientTransport({ ...parameters, stderr: "pipe" });
      const lines = createInterface({ input: child.stderr as Readable });
      lines.on("line", (line) => this.#say(`[${this.#entry.name}] ${line.slice(0, MAX_LINE)}`));
      return child;
    }
    const requestInit = { headers: { ...transport.headers } };
    return transport.kind === "sse"
      ? new SSEClientTransport(transport.url, { requestInit })
      : new StreamableHTTPClientTransport(transport.url, { requestInit });
  }

  #ended(): void {
    if (this.#isClosing) return;
    this.#client.end = `The MCP server ${JSON.stringify(this.#entry.name)} has ended: none of its tools can be called`;
    this.#note("has ended, its tools fail from now on");
  }

  #note(what: string): void {
    const { name, place } = this.#entry;
    this.#say(`${place}: server ${JSON.stringify(name)}: ${what}`);
  }

  #say(line: string): void {
    note(printable(this.#redactor.text(line)));
  }
}

/** A client whose calls say what became of its server. */
class UpstreamClient extends Client {
  end: string | undefined;

  override async callTool(...given: Parameters<Client["callTool"]>): ReturnType<Client["callTool"]> {
    try {
      if (this.end === undefined) return await super.callTool(...given);
    } catch (error) {
      if (this.end === undefined) throw error;
    }
    throw new Error(this.end);
  }
}

function changes(added: readonly string[], removed: readonly string[]): string {
  const told = [
    ...(added.length > 0 ? [`new or changed ${few(added)}`] : []),
    ...(removed.length > 0 ? [`gone ${few(removed)}`] : []),
  ];
  return `its tools have changed: ${told.join("; ") || "their order"}`;
}

function few(names: readonly string[]): string {
  return names.length > 10 ? `${names.slice(0, 10).join(", ")}, …` : names.join(", ");
}

/** Why, without what a stack or a cause may hold of its environment. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (syscall?.startsWith("spawn")) return `its command cannot be started (${code})`;
  if (error.message === "Connection closed") return "it has ended before it answered; what it wrote is above";
  return error.message.slice(0, MAX_LINE);
}
