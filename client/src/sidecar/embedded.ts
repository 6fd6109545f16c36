import { fileURLToPath } from "node:url";
import { ConfigError } from "../errors.ts";
import { ExecutorProcess, type ProcessOptions } from "./process.ts";
import type { ExecutorSource } from "./source.ts";
import { StartedSource } from "./started.ts";

/** How to start an embedded executor. */
export type EmbeddedOptions = Omit<ProcessOptions, "main">;

/**
 * Runs the executor as a child process: started when first asked for, started anew when it has died. It dies with the
 * source, and with the app, however the app ends.
 */
export function embeddedSource(options: EmbeddedOptions): ExecutorSource {
  return new StartedSource(async () => ExecutorProcess.start({ ...options, main: findMain() }));
}

function findMain(): string {
  const major = Number(process.versions.node.split(".")[0]);
  if (major < 24) {
    throw new ConfigError(
      `Cannot start an embedded executor: it needs Node.js 24 or later, this is ${process.versions.node}; ` +
        `upgrade, or set executor.mode to "remote" and executor.url`,
    );
  }
  try {
    return fileURLToPath(import.meta.resolve("@codemode/executor/main"));
  } catch (cause) {
    throw new ConfigError(
      "Cannot start an embedded executor: the package @codemode/executor is not installed; " +
        'run "npm install @codemode/executor", or set executor.mode to "remote" and executor.url',
      { cause },
    );
  }
}
