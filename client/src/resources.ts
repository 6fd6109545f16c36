import { CodemodeError } from "@codemode/proto";
import type { ClientConfig } from "./config/index.ts";
import { ExecutorClient } from "./executor-client/index.ts";
import { type Logger, leveled } from "./logger.ts";
import type { ComponentRegistry } from "./registry/index.ts";
import type { Outcome, Run } from "./run/index.ts";
import { EmbeddedSource, type ExecutorSource, remoteSource } from "./sidecar/index.ts";

/** How to close a client. */
export interface CloseOptions {
  /**
   * Lets the runs under way come to their end, attempts included, instead of ending them.
   *
   * @defaultValue false
   */
  readonly wait?: boolean;
}

/** What all views of one client share, and its end. */
export class Resources {
  readonly config: ClientConfig;
  readonly registry: ComponentRegistry;
  readonly logger: Logger;
  readonly client: ExecutorClient;
  readonly #closing = new AbortController();
  readonly #runs = new Set<Promise<unknown>>();
  #closed: Promise<void> | undefined;

  constructor(
    loaded: { readonly config: ClientConfig; readonly warnings: readonly string[] },
    registry: ComponentRegistry,
    logger: Logger | undefined,
  ) {
    const { config } = loaded;
    this.config = config;
    this.registry = registry;
    this.logger = leveled(logger, config.observability.logLevel);
    for (const warning of loaded.warnings) this.logger.warn({}, warning);
    this.client = new ExecutorClient({
      source: sourceOf(config, this.logger),
      retry: config.retry,
      connectTimeoutMs: config.executor.connectTimeoutMs,
      logger: this.logger,
    });
  }

  /** Runs `run`, until it ends, `signal` fires or this is closed. */
  async run(run: Run, signal: AbortSignal | undefined): Promise<Outcome> {
    if (this.#closed) throw new CodemodeError("CLOSED", "Cannot run: the client is closed");
    const either = AbortSignal.any([this.#closing.signal, ...(signal ? [signal] : [])]);
    const running = this.client.execute(run, either);
    this.#runs.add(running);
    try {
      return await running;
    } finally {
      this.#runs.delete(running);
    }
  }

  /** Refuses runs from now on; ends those under way, or waits for them. A later call may still end them. */
  close({ wait = false }: CloseOptions = {}): Promise<void> {
    if (!wait) this.#closing.abort(new CodemodeError("CLOSED", "The client was closed"));
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#runs);
    await this.client.close();
  }
}

function sourceOf({ executor, observability }: ClientConfig, logger: Logger): ExecutorSource {
  if (executor.mode === "remote") return remoteSource(executor.url ?? "", executor.apiKey); // the loader checked the url
  return new EmbeddedSource({
    startTimeoutMs: executor.startTimeoutMs,
    workers: executor.workers,
    jit: executor.jit,
    logLevel: observability.logLevel === "debug" ? "debug" : "warn",
    onLog: (line) => logger.debug({ executor: line }, "The embedded executor said something"),
  });
}
