import { CodemodeError } from "@codemode/proto";
import { fileURLToPath } from "node:url";
import { ConfigError } from "../errors.ts";
import { ExecutorProcess, type ProcessOptions } from "./process.ts";
import type { Endpoint, ExecutorSource } from "./source.ts";

/** How to start an embedded executor. */
export type EmbeddedOptions = Omit<ProcessOptions, "main">;

const DYING_MS = 1_000; // a killed process is seen to be dead much sooner, even on a busy machine

/**
 * Runs the executor as a child process: started when first asked for, started anew when it has died.
 *
 * Owns the process. It dies with this source, and with the app, however the app ends.
 */
export class EmbeddedSource implements ExecutorSource {
  readonly #options: EmbeddedOptions;
  #process: Promise<ExecutorProcess> | undefined;
  /** Ends of processes that others have replaced. */
  readonly #leaving = new Set<Promise<void>>();
  #closed = false;

  constructor(options: EmbeddedOptions) {
    this.#options = options;
  }

  async endpoints(failed?: Endpoint): Promise<readonly [Endpoint]> {
    if (this.#closed) throw new CodemodeError("CLOSED", "Cannot start an executor: the client is closed");
    const process = (this.#process ??= this.#start());
    const running = await process;
    if (running.alive && running.endpoint === failed) await running.exitsWithin(DYING_MS);
    if (running.alive && running.endpoint !== failed) return [running.endpoint];
    if (this.#process === process) this.#replace(running); // else another caller was first
    return this.endpoints(); // that it failed has been seen to
  }

  async close(): Promise<void> {
    this.#closed = true;
    const process = await this.#process?.catch(() => undefined);
    await Promise.all([process?.close(), ...this.#leaving]);
  }

  /** One that refuses to serve and does not die is shutting down, or stuck: whoever is still there goes on in the next. */
  #replace(running: ExecutorProcess): void {
    this.#process = undefined;
    const left = running.close().finally(() => this.#leaving.delete(left));
    this.#leaving.add(left);
  }

  async #start(): Promise<ExecutorProcess> {
    try {
      return await ExecutorProcess.start({ ...this.#options, main: findMain() });
    } catch (error) {
      this.#process = undefined; // the next run may find a better day
      throw error;
    }
  }
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
