import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport as StdioClientTransportV1 } from "@modelcontextprotocol/sdk/client/stdio.js";

/** The command. */
export const BIN = fileURLToPath(new URL("../client/bin/codemode.js", import.meta.url));
const require = createRequire(import.meta.url);

/** The entry of a server's package. */
const server = (name: string) => require.resolve(`@modelcontextprotocol/server-${name}/dist/index.js`);
const node = (...args: string[]) => ({ command: process.execPath, args });

/** The three public servers, in `folder`. */
export const publicServers = (folder: string) => ({
  everything: node(server("everything")),
  filesystem: node(server("filesystem"), folder),
  memory: { ...node(server("memory")), env: { MEMORY_FILE_PATH: join(folder, "memory.jsonl") } },
});

/** A server of ours that can die and grow. */
export const upstream = {
  ...node(fileURLToPath(new URL("mcp-upstream.mjs", import.meta.url))),
  env: { SECRET: "t0p-s3cret" },
};

/** A folder with an `mcp.json` of these servers. */
export class ConfigFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "codemode-mcp-"));

  constructor(servers: (folder: string) => object) {
    writeFileSync(join(this.path, "mcp.json"), JSON.stringify({ mcpServers: servers(this.path) }, undefined, 1));
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}

/** What a client of either version can do. */
export interface AnyClient {
  listTools(): Promise<{ tools: { name: string; description?: string | undefined }[] }>;
  callTool(call: { name: string; arguments: Record<string, unknown> }): Promise<unknown>;
  close(): Promise<void>;
}

/** The official clients, with the command as their server. */
export const stdioClients = {
  v2: async (cwd: string, env: Record<string, string> = {}, stderr: (text: string) => void = () => {}) => {
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [BIN, ...ARGS],
      cwd,
      env: { ...path, ...env },
      stderr: "pipe",
    });
    transport.stderr?.on("data", (chunk: Buffer) => stderr(chunk.toString()));
    const client = new Client({ name: "test", version: "1.0.0" });
    await client.connect(transport);
    return { client, pid: transport.pid ?? 0 };
  },
  v1: async (cwd: string, env: Record<string, string>) => {
    const transport = new StdioClientTransportV1({
      command: process.execPath,
      args: [BIN, ...ARGS],
      cwd,
      env: { ...path, ...env },
      stderr: "ignore",
    });
    const client = new ClientV1({ name: "test", version: "1.0.0" });
    await client.connect(transport);
    return { client, pid: transport.pid ?? 0 };
  },
};
const path = { PATH: process.env["PATH"] ?? "" };
const ARGS = ["mcp", "--config", "mcp.json"];

/** The command on HTTP. */
export class HttpCommand implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  stderr = "";
  stdout = "";
  url = new URL("http://127.0.0.1");

  private constructor(cwd: string, env: Record<string, string>, args: readonly string[]) {
    const environment = { PATH: process.env["PATH"], ...env };
    this.#child = spawn(process.execPath, [BIN, ...ARGS, ...args], {
      cwd,
      env: environment,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#exited = once(this.#child, "exit");
    this.#child.stdout?.on("data", (chunk: Buffer) => (this.stdout += chunk.toString()));
    this.#child.stderr?.on("data", (chunk: Buffer) => (this.stderr += chunk.toString()));
  }

  /** Resolves when it serves. */
  static async start(cwd: string, env: Record<string, string> = {}, args = ["--http", "0"]): Promise<HttpCommand> {
    const command = new HttpCommand(cwd, env, args);
    const url = await command.says(/serves MCP on (\S+)/);
    command.url = new URL(url);
    return command;
  }

  /** Resolves with the first group of `pattern` once that is on stderr. */
  async says(pattern: RegExp): Promise<string> {
    for (;;) {
      const found = pattern.exec(this.stderr);
      if (found) return found[1] ?? "";
      const ended = await Promise.race([
        once(this.#child.stderr ?? this.#child, "data"),
        this.#exited.then(() => "ended"),
      ]);
      if (ended === "ended" && !pattern.test(this.stderr)) throw new Error(`The command has ended: ${this.stderr}`);
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<unknown> {
    this.#child.kill(signal);
    return this.#exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
