import { spawn } from "node:child_process";
import { once } from "node:events";
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

/** `codemode executor`: the sidecar as a child in the foreground; its end is the end of the command. */
export async function executor({ listen }: { readonly listen?: string }): Promise<number> {
  const entry = executorEntry();
  if (entry === undefined) {
    note("codemode: @codemode/executor is not installed. Run: npm install @codemode/executor");
    return ExitCode.unreachable;
  }
  const child = spawn(process.execPath, [entry, ...(listen ? ["--listen", listen] : [])], { stdio: "inherit" });
  const forward = (signal: NodeJS.Signals): void => {
    // Ctrl-C in a terminal reaches the child by itself; a second one would cut its orderly end short.
    if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
  };
  process.on("SIGINT", forward).on("SIGTERM", forward).on("SIGHUP", forward);
  const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  return code ?? (signal ? exitCodeOfSignal(signal) : ExitCode.internal);
}
