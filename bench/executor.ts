import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(import.meta.resolve("@codemode/executor/main"));

/** An executor with default settings, in a process of its own. */
export interface ExecutorAt extends AsyncDisposable {
  readonly address: string;
  readonly key: string;
  readonly pid: number;
}

/** `extra` are settings over the defaults, as environment variables. */
export async function startExecutor(listen: string, extra: Record<string, string> = {}): Promise<ExecutorAt> {
  const key = randomBytes(16).toString("hex");
  const child = spawn(process.execPath, [main, "--listen", listen, "--lifeline", "3"], {
    env: { PATH: process.env["PATH"], CODEMODE_EXECUTOR_LOG_LEVEL: "error", ...extra },
    stdio: ["ignore", "ignore", "inherit", "pipe"],
  });
  const lifeline = child.stdio[3] as Duplex;
  lifeline.write(`${JSON.stringify({ apiKey: key })}\n`);
  const [line] = (await once(createInterface(lifeline), "line")) as [string];
  const told = JSON.parse(line) as { listening?: string; error?: string };
  if (told.listening === undefined) throw new Error(told.error);
  return {
    address: told.listening,
    key,
    pid: child.pid ?? 0,
    async [Symbol.asyncDispose]() {
      const exited = once(child, "exit");
      child.kill("SIGTERM");
      await exited;
    },
  };
}
