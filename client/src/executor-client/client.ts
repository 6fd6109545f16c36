import { orAborted } from "../abort.ts";
import type { ClientConfig } from "../config/index.ts";
import { type Logger, withFields } from "../logger.ts";
import type { Outcome, RunFailure } from "../run/outcome.ts";
import type { Run } from "../run/run.ts";
import { ExecutorClientError, ExecutorConnectionError, ExecutorTimeoutError } from "../errors.ts";
import type { Endpoint, ExecutorSource } from "../sidecar/source.ts";
import { Attempt } from "./attempt.ts";
import type { Channel } from "./channel.ts";
import { Channels } from "./channels.ts";
import { Credentials } from "./credentials.ts";
import { BrokenAttempt, isServiceError, toClientError } from "./failure.ts";
import { inAttemptSpan } from "../telemetry.ts";
import { type RetryOptions, withRetries } from "./retry.ts";

const MIN_ACCEPT_MS = 60_000; // a busy executor lets runs wait, so a short run may wait longer than it takes

/** How to use executors. */
export interface ExecutorClientOptions {
  /** Takes it: closed with the client. */
  readonly source: ExecutorSource;
  readonly tls: ClientConfig["tls"];
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

/** Sends runs to the executors of a source. */
export class ExecutorClient implements AsyncDisposable {
  readonly #options: ExecutorClientOptions;
  readonly #channels: Channels;
  /** Where the next run begins, so that runs are spread over the executors. */
  #turn = 0;

  constructor(options: ExecutorClientOptions) {
    this.#options = options;
    const { source, tls, logger } = options;
    const credentials = new Credentials(tls, (problem) => logger.warn({}, problem));
    this.#channels = new Channels(source, credentials, tls.serverName);
  }

  /**
   * Makes attempts at `run` until one ends it, and resolves with how it ended. An attempt whose stream breaks is followed
   * by another one, at the next executor.
   *
   * @throws {@link ExecutorConnectionError} when no executor was reached within the attempts.
   * @throws {@link ExecutorClientError} for every other way in which an executor did not do its part. Once a run was
   * accepted, only for a violation of the protocol; everything else is an outcome.
   */
  async execute(run: Run, signal: AbortSignal): Promise<Outcome> {
    const { retry, logger } = this.#options;
    const { correlationId, executionId } = run.request;
    const log = withFields(logger, { correlationId, executionId });
    const addresses = new Set<string>();
    let turn = this.#turn++;
    let failed: Endpoint | undefined;
    const attempt = async () => {
      signal.throwIfAborted();
      const channel = await orAborted(this.#begin(run, turn++, failed, signal), signal);
      const { address } = channel;
      addresses.add(address);
      log[run.attempts === 1 ? "debug" : "info"]({ attempt: run.attempts, address }, "Sending the run");
      failed = undefined;
      try {
        return await inAttemptSpan(run.attempts, address, () => this.#attempt(channel, run, signal));
      } catch (error) {
        if (error instanceof BrokenAttempt && error.isGone) failed = channel.endpoint;
        if (error instanceof BrokenAttempt && error.retryable) channel.rest();
        throw error;
      }
    };
    const onRetry = (error: BrokenAttempt, waitMs: number) => {
      const { address, code, message } = error;
      run.interruptions.push({ attempt: run.attempts, code, message: `${address}: ${message}` });
      log.info({ attempt: run.attempts, address, waitMs, reason: message }, "The attempt failed, trying again");
    };
    try {
      const outcome = await withRetries(attempt, {
        ...retry,
        signal,
        heldMs: () => run.heldMs,
        progress: () => run.progress,
        hasAnother: () => this.#channels.someRested,
        onRetry,
      });
      log.debug({ status: outcome.status, type: outcome.error?.type }, "The run ended");
      return outcome;
    } catch (error) {
      if (signal.aborted) return run.cancelled(signal.reason);
      if (error instanceof BrokenAttempt && run.accepted) return run.interrupted(toFailure(error, run));
      run.release();
      log.error({ error }, "The run could not be made");
      throw toThrown(error, run, [...addresses]);
    }
  }

  /** Asks an executor how it is, the first that answers; starts it when it is embedded. Throws as `execute` does. */
  async health(): Promise<ExecutorHealth> {
    const channels = await this.#channels.inTurn(0);
    let failure: unknown;
    for (const channel of channels) {
      try {
        return await this.#ask(channel);
      } catch (error) {
        failure ??= error;
      }
    }
    const addresses = channels.map(({ address }) => address).join(", ");
    throw isServiceError(failure) ? toClientError(failure, addresses, 1) : failure;
  }

  /** Closes the channels and the source. Runs under way lose their executor. Idempotent. */
  async close(): Promise<void> {
    await this.#channels.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #attempt(channel: Channel, run: Run, signal: AbortSignal): Promise<Outcome> {
    const { correlationId, budgets } = run.request;
    const attempt = new Attempt(channel.execute(correlationId), run, {
      address: channel.address,
      signal,
      connectTimeoutMs: this.#options.connectTimeoutMs,
      acceptTimeoutMs: Math.max(MIN_ACCEPT_MS, budgets.timeoutMs),
      isConnected: () => channel.connected,
    });
    return attempt.run();
  }

  /** Counts the attempt, and resolves with the channel whose turn it is. */
  async #begin(run: Run, turn: number, failed: Endpoint | undefined, signal: AbortSignal): Promise<Channel> {
    await run.attempt();
    signal.throwIfAborted(); // an executor is not to be started for nobody
    try {
      const [channel] = await this.#channels.inTurn(turn, failed);
      return channel!; // there is at least one
    } catch (error) {
      const isLost = error instanceof ExecutorConnectionError || error instanceof ExecutorTimeoutError;
      throw isLost && run.accepted ? BrokenAttempt.unstarted("the embedded executor", error) : error;
    }
  }

  async #ask(channel: Channel): Promise<ExecutorHealth> {
    const deadline = new Date(Date.now() + this.#options.connectTimeoutMs);
    const [serving, info] = await Promise.all([channel.isServing(deadline), channel.getInfo(deadline)]);
    const { executorId, version, nodeVersion, capacity, inFlight } = info;
    return { serving, address: channel.address, executorId, version, nodeVersion, capacity, inFlight };
  }
}

/** How a run ends that has begun and cannot go on. */
function toFailure({ address, message }: BrokenAttempt, { attempts }: Run): RunFailure {
  const tries = attempts === 1 ? "" : `, and ${attempts} attempts did not bring it to its end`;
  return { type: "Crashed", message: `The executor at ${address} was lost in mid-run${tries}: ${message}` };
}

/** What the caller is told of a run that has no outcome, with what the app has done for it. */
function toThrown(error: unknown, run: Run, addresses: readonly string[]): unknown {
  if (error instanceof BrokenAttempt) return toClientError(error.status, addresses.join(", "), run.attempts);
  const { calls } = run;
  if (!(error instanceof ExecutorClientError) || calls.length === 0) return error;
  return new ExecutorClientError(error.code, error.message, { cause: error, calls });
}
