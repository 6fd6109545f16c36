import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { ExitCode, exitCodeOfSignal } from "./exit-codes.ts";
import { note } from "./print.ts";

/** Path of the executor's entry; undefined when the package is not installed. */
export function executorEntry(): string | undefined {
  try {
    return fileURLToPath(import.meta.resolve("@codemode/executor/main"));
  } catch {
    return undefined;
  }
}

export interface ExecutorOptions {
  readonly listen?: string;
  readonly config?: string;
  readonly printConfig?: boolean;
}

/** `codemode executor`: the sidecar as a child in the foreground; its end is the end of the command. */
export async function executor({ listen, config, printConfig }: ExecutorOptions): Promise<number> {
  const entry = executorEntry();
  if (entry === undefined) {
    note("codemode: @codemode/executor is not installed. Run: npm install @codemode/executor");
    return ExitCode.unreachable;
  }
  const options = [...(listen ? ["--listen", listen] : []), ...(config ? ["--config", config] : [])];
  if (printConfig) {
    return endOf(spawn(process.execPath, [entry, ...options, "--print-config"], { stdio: "inherit" }));
  }
  const child = spawn(process.execPath, [entry, ...options, "--lifeline", "3"], {
    stdio: ["ignore", "inherit", "inherit", "pipe"],
    detached: true, // out of the terminal's reach: it gets each signal once, from here
  });
  const lifeline = child.stdio[3] as Socket; // breaks with this process, however that ends
  lifeline.on("error", () => {}); // its exit says more
  const lines = createInterface({ input: lifeline }).on("error", () => {}); // readline tells of it again
  lines.once("line", (line) => {
    const { listening, executorId } = JSON.parse(line) as { listening?: string; executorId?: string };
    if (listening !== undefined) note(`Codemode executor ${executorId} listens on ${listening}`);
  });
  lifeline.write("{}\n"); // the key stays in the environment
  const forward = (): void => void child.kill("SIGTERM");
  process.on("SIGINT", forward).on("SIGTERM", forward).on("SIGHUP", forward);
  return endOf(child);
}

/** The exit code of `child`, as a shell shows it. */
async function endOf(child: ChildProcess): Promise<number> {
  const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  return code ?? (signal ? exitCodeOfSignal(signal) : ExitCode.internal);
}
