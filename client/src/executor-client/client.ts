import { CodemodeError } from "@codemode/proto";
import type { Logger } from "../logger.ts";
import type { Outcome } from "../run/outcome.ts";
import type { Run } from "../run/run.ts";
import type { Endpoint, ExecutorSource } from "../sidecar/source.ts";
import { Attempt } from "./attempt.ts";
import { Channel } from "./channel.ts";
import { isServiceError, toClientError } from "./failure.ts";
import { type RetryOptions, withRetries } from "./retry.ts";

const MIN_ACCEPT_MS = 60_000; // a busy executor lets runs wait, so a short run may wait longer than it takes

/** How to use executors. */
export interface ExecutorClientOptions {
  /** Takes it: closed with the client. */
  readonly source: ExecutorSource;
  readonly retry: RetryOptions;
  /** For one attempt, in milliseconds. */
  readonly connectTimeoutMs: number;
  readonly logger: Logger;
}

/** What an executor says of itself. */
export interface ExecutorHealth {
  /** True when it takes runs. */
  readonly serving: boolean;
  readonly address: string;
  readonly executorId: string;
  readonly version: string;
  readonly nodeVersion: string;
  /** Runs that it holds at a time, and holds now. */
  readonly capacity: number;
  readonly inFlight: number;
}

/** Sends runs to the executors of a source. Keeps one channel, made anew when the source has another executor. */
export class ExecutorClient implements AsyncDisposable {
  readonly #options: ExecutorClientOptions;
  #channel: Channel | undefined;
  #closed = false;

  constructor(options: ExecutorClientOptions) {
    this.#options = options;
  }

  /**
   * Makes attempts at `run` until one is accepted, and resolves with how it ended.
   *
   * @throws {@link ExecutorConnectionError} when no executor was reached within the attempts.
   * @throws {@link ExecutorClientError} for every other way in which an executor did not do its part.
   */
  async execute(run: Run, signal: AbortSignal): Promise<Outcome> {
    const { retry, connectTimeoutMs, logger } = this.#options;
    const { correlationId, executionId, budgets } = run.request;
    const fields = { correlationId, executionId };
    const log: Logger = {
      debug: (more, message) => logger.debug({ ...fields, ...more }, message),
      info: (more, message) => logger.info({ ...fields, ...more }, message),
      warn: (more, message) => logger.warn({ ...fields, ...more }, message),
      error: (more, message) => logger.error({ ...fields, ...more }, message),
    };
    const attempt = async () => {
      const channel = await this.#connect();
      signal.throwIfAborted();
      const options = {
        address: channel.endpoint.url,
        signal,
        connectTimeoutMs,
        acceptTimeoutMs: Math.max(MIN_ACCEPT_MS, budgets.timeoutMs),
        isConnected: () => channel.connected,
      };
      log.debug({ address: options.address }, "Sending the run");
      return new Attempt(channel.execute(correlationId), run, options).run();
    };
    try {
      const outcome = await withRetries(attempt, { ...retry, signal, log });
      log.debug({ status: outcome.status, type: outcome.error?.type }, "The run ended");
      return outcome;
    } catch (error) {
      if (signal.aborted) return run.cancelled(signal.reason);
      log.error({ error }, "The run could not be made");
      throw error;
    }
  }

  /** Asks the executor how it is; starts it when it is embedded. Throws as `execute` does, after one attempt. */
  async health(): Promise<ExecutorHealth> {
    const channel = await this.#connect();
    const deadline = new Date(Date.now() + this.#options.connectTimeoutMs);
    try {
      const [serving, info] = await Promise.all([channel.isServing(deadline), channel.getInfo(deadline)]);
      const { executorId, version, nodeVersion, capacity, inFlight } = info;
      return { serving, address: channel.endpoint.url, executorId, version, nodeVersion, capacity, inFlight };
    } catch (error) {
      throw isServiceError(error) ? toClientError(error, channel.endpoint.url, 1) : error;
    }
  }

  /** Closes the channel and the source. Runs under way lose their executor. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#channel?.close();
    this.#channel = undefined;
    await this.#options.source.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #connect(): Promise<Channel> {
    const endpoint: Endpoint = await this.#options.source.endpoint();
    if (this.#closed) throw new CodemodeError("CLOSED", "The client is closed");
    if (this.#channel?.endpoint !== endpoint) {
      this.#channel?.close();
      this.#channel = new Channel(endpoint);
    }
    return this.#channel;
  }
}
