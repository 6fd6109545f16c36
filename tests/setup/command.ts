import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";

const BIN = join(import.meta.dirname, "../../client/bin/codemode.js");

export interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Sees each piece of stderr while the command runs. */
  readonly onStderr?: (child: ChildProcess, chunk: string) => void;
}

/** Runs the command in `cwd`, with no variable of ours but those of `env`. */
export async function runCommand(cwd: string, args: readonly string[], options: CommandOptions = {}): Promise<Ended> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("CODEMODE_"));
  const env = { ...Object.fromEntries(inherited), NO_COLOR: "1", ...options.env };
  const child = spawn(process.execPath, [BIN, ...args], { cwd, env });
  child.stdin.end(options.stdin ?? "");
  child.stderr.on("data", (chunk: Buffer) => options.onStderr?.(child, chunk.toString()));
  const exit = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [exitCode, stdout, stderr] = await Promise.all([exit, text(child.stdout), text(child.stderr)]);
  return { exitCode, stdout, stderr };
}

/** A port of 127.0.0.1 that nobody listens on. */
export async function unusedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
