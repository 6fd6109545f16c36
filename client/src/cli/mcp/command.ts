import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { createMcpHandler, localhostAllowedHostnames } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { Codemode } from "../../codemode.ts";
import { readMcpServers } from "../../config/index.ts";
import { ConfigError } from "../../errors.ts";
import { createMcpServer } from "../../integrations/mcp.ts";
import { ComponentRegistry } from "../../registry/index.ts";
import { ExitCode, UsageError } from "../exit-codes.ts";
import { note, stderrLogger } from "../print.ts";
import { onSignals } from "../run.ts";
import { serveHttp } from "./http.ts";
import { namespaceOf, UpstreamServer } from "./servers.ts";

export interface McpOptions {
  readonly config: string;
  /** `port` or `host:port`. On stdio when absent. */
  readonly http?: string;
  readonly allowHost?: readonly string[];
  readonly version: string;
}

/** How long the first client is kept waiting for servers that are slow to start; their tools follow. */
const PATIENCE_MS = 20_000;

/** `codemode mcp`: MCP servers behind one tool. stdout belongs to the protocol; all else goes to stderr. */
export async function mcp(options: McpOptions): Promise<number> {
  const listen =
    options.http === undefined ? undefined : toListen(options.http, options.allowHost ?? [], keyFrom(process.env));
  const { servers, warnings } = readMcpServers(options.config, process.env, process.cwd());
  for (const warning of warnings) note(warning);
  checkNamespaces(servers);

  using interrupted = onSignals();
  const registry = new ComponentRegistry();
  await using codemode = Codemode.fromClientConfig({ registry, logger: stderrLogger });
  await using stack = new AsyncDisposableStack();
  const upstream = servers.map((entry) => new UpstreamServer(entry, options.version));
  // All at once: each may take seconds to end.
  stack.defer(async () => void (await Promise.all(upstream.map((one) => one[Symbol.asyncDispose]()))));
  codemode.health().catch(() => {}); // starts the executor meanwhile; the first run says what is wrong with it
  const started = Promise.all(upstream.map((one) => one.start(registry)));
  const ready = await Promise.race([
    started,
    sleep(PATIENCE_MS, undefined, { ref: false }),
    aborted(interrupted.signal),
  ]);
  if (ready && ready.length > 0 && !ready.includes(true)) {
    note("codemode: none of the servers can be used");
    return ExitCode.unreachable;
  }
  const serverInfo = { name: "codemode", version: options.version };
  const factory = () => createMcpServer(codemode, { serverInfo });
  if (listen) {
    const handler = createMcpHandler(factory);
    using _ = registry.onChange(() => handler.notify.toolsChanged());
    await using http = await serveHttp(handler, listen);
    note(`Codemode serves MCP on ${http.url}`);
    await aborted(interrupted.signal);
  } else {
    const ended = Promise.race([once(process.stdin, "end"), once(process.stdin, "close")]);
    const handle = serveStdio(factory, { onerror: (error) => note(`codemode: ${error.message}`) });
    await Promise.race([ended, aborted(interrupted.signal)]);
    await handle.close();
  }
  return interrupted.exitCode ?? ExitCode.ok;
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener("abort", () => resolve(undefined));
  });
}

/** Throws where two servers would have one namespace. */
function checkNamespaces(servers: ReturnType<typeof readMcpServers>["servers"]): void {
  const places = new Map<string, string>();
  for (const entry of servers) {
    const namespace = namespaceOf(entry);
    const other = places.get(namespace);
    if (other !== undefined) {
      throw new ConfigError(
        `${entry.place}: server ${JSON.stringify(entry.name)}: its tools are tools.${namespace}, as of ${other}`,
      );
    }
    places.set(namespace, `${entry.place} (${JSON.stringify(entry.name)})`);
  }
}

function toListen(written: string, allowed: readonly string[], key: string | undefined) {
  const match = /^(?:(.+):)?(\d{1,5})$/.exec(written);
  const port = Number(match?.[2]);
  if (!match || port > 65_535) throw new UsageError(`--http ${JSON.stringify(written)}: expected a port, or host:port`);
  const host = match[1]?.replace(/^\[(.*)\]$/, "$1") ?? "127.0.0.1";
  const isLoopback = host === "localhost" || host === "::1" || host.startsWith("127.");
  if (!isLoopback && key === undefined) {
    throw new UsageError(`--http ${written}: others can reach it, so CODEMODE_MCP_API_KEY must be set`);
  }
  return { host, port, key, hostNames: [...localhostAllowedHostnames(), host, ...allowed] };
}

function keyFrom(env: NodeJS.ProcessEnv): string | undefined {
  const { CODEMODE_MCP_API_KEY: key, CODEMODE_MCP_API_KEY_FILE: file } = env;
  if (key && file)
    throw new ConfigError("CODEMODE_MCP_API_KEY: CODEMODE_MCP_API_KEY_FILE is set as well; keep one of them");
  if (!file) return key || undefined;
  try {
    const text = readFileSync(file, "utf8").trim();
    if (text) return text;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new ConfigError(`CODEMODE_MCP_API_KEY_FILE: cannot read ${JSON.stringify(file)} (${code})`);
  }
  throw new ConfigError(`CODEMODE_MCP_API_KEY_FILE: ${JSON.stringify(file)} is empty`);
}
