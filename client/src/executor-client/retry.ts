import { setTimeout as sleep } from "node:timers/promises";
import pRetry from "p-retry";
import type { Logger } from "../logger.ts";
import { RefusedAttempt, toClientError } from "./failure.ts";

const MAX_ASKED_MS = 60_000; // an executor may ask for patience, not for the caller's day

/** How often, and how soon, a run that was not accepted is tried again. */
export interface RetryOptions {
  readonly enabled: boolean;
  /** The first one included. */
  readonly maxAttempts: number;
  /** Wait before the second attempt, in milliseconds; doubles with every other one. */
  readonly baseMs: number;
  /** Longest wait between two attempts, in milliseconds. */
  readonly maxMs: number;
}

/** Tries `attempt` until it is accepted, the attempts are used up, or `signal` fires. Throws what the caller is to see. */
export async function withRetries<T>(
  attempt: () => Promise<T>,
  options: RetryOptions & { readonly signal: AbortSignal; readonly log: Logger },
): Promise<T> {
  const { signal, log } = options;
  let attempts = 0;
  try {
    return await pRetry(
      () => {
        attempts += 1;
        return attempt();
      },
      {
        retries: options.enabled ? options.maxAttempts - 1 : 0,
        minTimeout: 0, // the wait is ours, so that an executor's own word can shorten it too
        shouldRetry: ({ error }) => isRetryable(error),
        async onFailedAttempt({ error, attemptNumber, retriesLeft }) {
          if (!isRetryable(error) || retriesLeft === 0) return;
          const waitMs = waitBefore(attemptNumber, error, options);
          const { address, message } = error;
          log.info(
            { attempt: attemptNumber, address, waitMs, reason: message },
            "The run was not accepted, trying again",
          );
          await sleep(waitMs, undefined, { signal });
        },
      },
    );
  } catch (error) {
    throw error instanceof RefusedAttempt ? toClientError(error.status, error.address, attempts) : error;
  }
}

function isRetryable(error: Error): error is RefusedAttempt {
  return error instanceof RefusedAttempt && error.retryable;
}

/** The executor's word wins. Otherwise base × 2ⁿ, up to half as much again so that clients do not come back in step. */
function waitBefore(attempt: number, error: RefusedAttempt, { baseMs, maxMs }: RetryOptions): number {
  const asked = error.retryAfterMs;
  if (asked !== undefined) return Math.min(asked, MAX_ASKED_MS);
  return Math.min(baseMs * 2 ** (attempt - 1) * (1 + Math.random() / 2), maxMs);
}
