import { AsyncLocalStorage } from "node:async_hooks";
import { CodemodeError } from "@codemode/proto";
import { addressesIn, type ClientConfig } from "./config/index.ts";
import { ConfigError } from "./errors.ts";
import { ExecutorClient } from "./executor-client/index.ts";
import { type Logger, leveled } from "./logger.ts";
import { type Prepared, Runs } from "./durable/index.ts";
import { type JournalStore, MemoryStore } from "./journal/index.ts";
import type { Outcome, Run, RunRequest } from "./run/index.ts";
import {
  type ContainerOptions,
  dockerSource,
  embeddedSource,
  type ExecutorSource,
  remoteSource,
} from "./sidecar/index.ts";

/** How to close a client. */
export interface CloseOptions {
  /**
   * Lets the runs under way come to their end, attempts and the runs that their handlers start included, instead of ending them. Those that are ended are
   * `Cancelled` for their callers; in the store they are unfinished, and can be resumed by whoever executes them again.
   * A store that does not answer is waited for no longer than `leaseMs`, or than two seconds for runs that are ended: then
   * their `execute` throws, and says what is not recorded.
   *
   * @defaultValue false
   */
  readonly wait?: boolean;
}

/** Where runs are recorded. */
export interface RecordingOptions {
  /**
   * Keeps what runs have done, so that another process can go on where this one has died. It is the caller's to dispose of.
   *
   * @defaultValue a new {@link MemoryStore}, for this client alone
   */
  readonly store?: JournalStore | undefined;
  /**
   * How long the runs of a process that has died stay its own, in milliseconds; then another may resume them. A live
   * process keeps its runs however long they take. From 100 on.
   *
   * @defaultValue 15_000
   */
  readonly leaseMs?: number | undefined;
}

const LEASE_MS = 15_000; // a stalled process is not taken for dead by the next hiccup, and nobody waits long for a dead one
const MIN_LEASE_MS = 100;
const MAX_LEASE_MS = 3_600_000;

/** What all views of one client share, and its end. */
export class Resources {
  readonly config: ClientConfig;
  readonly logger: Logger;
  readonly client: ExecutorClient;
  readonly store: JournalStore;
  readonly #closing = new AbortController();
  readonly #runs: Runs;
  readonly #ownsStore: boolean;
  /** Set where a handler of a run is called, and in all that it starts. */
  readonly #inHandler = new AsyncLocalStorage<true>();
  #closed: Promise<void> | undefined;
  #isWaiting = false;

  constructor(
    loaded: { readonly config: ClientConfig; readonly warnings: readonly string[] },
    logger: Logger | undefined,
    { store, leaseMs = LEASE_MS }: RecordingOptions,
  ) {
    if (!(leaseMs >= MIN_LEASE_MS && leaseMs <= MAX_LEASE_MS)) {
      throw new ConfigError(`Cannot make a client: leaseMs ${leaseMs} is not from ${MIN_LEASE_MS} to ${MAX_LEASE_MS}`);
    }
    const { config } = loaded;
    this.config = config;
    this.logger = leveled(logger, config.observability.logLevel);
    for (const warning of loaded.warnings) this.logger.warn({}, warning);
    this.client = new ExecutorClient({
      source: sourceOf(config, this.logger),
      tls: config.tls,
      retry: config.retry,
      connectTimeoutMs: config.executor.connectTimeoutMs,
      logger: this.logger,
    });
    this.store = store ?? new MemoryStore();
    this.#ownsStore = store === undefined;
    const { client, logger: told } = this;
    this.#runs = new Runs({ client, store: this.store, leaseMs, closing: this.#closing.signal, logger: told });
  }

  /** Runs it, until it ends, `signal` fires or this is closed. */
  async run(prepared: Prepared, signal: AbortSignal | undefined): Promise<Outcome> {
    if (!this.#isOpen) throw new CodemodeError("CLOSED", "Cannot run: the client is closed");
    const { request } = prepared;
    const inContext: RunRequest["inContext"] = (handler) => this.#inHandler.run(true, () => request.inContext(handler));
    return this.#runs.execute({ ...prepared, request: { ...request, inContext } }, signal);
  }

  /** As `run`, for a run whose calls are all answered. */
  async rehearse(run: Run, signal: AbortSignal | undefined): Promise<Outcome> {
    if (this.#closed) throw new CodemodeError("CLOSED", "Cannot replay: the client is closed");
    return this.#runs.rehearse(run, signal);
  }

  /** Refuses runs from now on; ends those under way, or waits for them. A later call may still end them. */
  close({ wait = false }: CloseOptions = {}): Promise<void> {
    this.#isWaiting = wait;
    if (!wait) this.#closing.abort(new CodemodeError("CLOSED", "The client was closed"));
    return (this.#closed ??= this.#close());
  }

  /** A run that is waited for may need others to come to its end: those that its handlers start. */
  get #isOpen(): boolean {
    return !this.#closed || (this.#isWaiting && this.#inHandler.getStore() !== undefined);
  }

  async #close(): Promise<void> {
    await this.#runs.ended();
    await this.client.close();
    if (this.#ownsStore) await this.store[Symbol.asyncDispose]();
  }
}

function sourceOf(config: ClientConfig, logger: Logger): ExecutorSource {
  const { executor } = config;
  switch (executor.mode) {
    case "remote":
      // The loader checked that there is an address.
      return remoteSource(addressesIn(executor.url), executor.apiKey, executor.connectTimeoutMs);
    case "docker":
      return dockerSource(containerOptions(config));
    case "embedded":
      return embeddedSource({
        startTimeoutMs: executor.startTimeoutMs,
        workers: executor.workers,
        isolation: executor.isolation,
        jit: executor.jit,
        logLevel: executorLogLevel(config),
        onLog: (line) => logger.debug({ executor: line }, "The embedded executor said something"),
      });
  }
}

/** The container that a configuration means. */
export function containerOptions(config: ClientConfig): ContainerOptions {
  const { container: name, image, apiKey, workers, isolation, jit, startTimeoutMs } = config.executor;
  return { name, image, apiKey, workers, isolation, jit, startTimeoutMs, logLevel: executorLogLevel(config) };
}

function executorLogLevel({ observability }: ClientConfig): string {
  return observability.logLevel === "debug" ? "debug" : "warn";
}
