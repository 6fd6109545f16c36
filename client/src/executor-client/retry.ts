import { setTimeout as sleep } from "node:timers/promises";
import pRetry from "p-retry";
import { BrokenAttempt } from "./failure.ts";

const MAX_ASKED_MS = 60_000; // an executor may ask for patience, not for the caller's day

/** How often, and how soon, a run is tried again. */
export interface RetryOptions {
  readonly enabled: boolean;
  /** Attempts in a row that bring the run no further, the first one included. */
  readonly maxAttempts: number;
  /** Wait before the second attempt, in milliseconds; doubles with every other one. */
  readonly baseMs: number;
  /** Longest wait between two attempts, in milliseconds. */
  readonly maxMs: number;
  /** Longest time in all that a run may be in no executor's hands, in milliseconds. */
  readonly maxElapsedMs: number;
}

/** Whose attempts they are. */
interface Subject {
  readonly signal: AbortSignal;
  /** Time in which executors had the run, in milliseconds. */
  readonly heldMs: () => number;
  /** Grows when the run gets anywhere. That starts the count of attempts, and the waits, again. */
  readonly progress: () => number;
  /** Whether the next attempt goes to an executor that has not asked for patience. */
  readonly hasAnother: () => boolean;
  /** Told before the wait for another attempt. */
  readonly onRetry: (error: BrokenAttempt, waitMs: number) => void;
}

/**
 * Tries `attempt` until it has a result, the attempts or the time for them are used up, or `signal` fires. Throws what the
 * last one threw.
 */
export async function withRetries<T>(attempt: () => Promise<T>, options: RetryOptions & Subject): Promise<T> {
  const { signal, enabled, maxAttempts, maxElapsedMs } = options;
  const startedAt = performance.now();
  const leftMs = (): number => maxElapsedMs - (performance.now() - startedAt - options.heldMs());
  const isWorthIt = (): boolean => enabled && inVain < maxAttempts && leftMs() > 0;
  let reached = options.progress();
  let inVain = 0;
  return pRetry(attempt, {
    retries: Infinity, // the count is ours, because progress starts it again
    minTimeout: 0, // and so is the wait, so that an executor's own word can shorten it too
    shouldRetry: ({ error }) => isRetryable(error) && isWorthIt(),
    async onFailedAttempt({ error }) {
      if (!isRetryable(error)) return;
      const progress = options.progress();
      inVain = progress > reached ? 0 : inVain + 1;
      reached = progress;
      if (!isWorthIt()) return;
      const waitMs = Math.min(waitBefore(inVain, error, options), leftMs());
      options.onRetry(error, waitMs);
      await sleep(waitMs, undefined, { signal });
    },
  });
}

function isRetryable(error: Error): error is BrokenAttempt {
  return error instanceof BrokenAttempt && error.retryable;
}

/** The word of an executor wins that there is no other beside. Otherwise base × 2ⁿ, up to half as much again so that clients do not come back in step. */
function waitBefore(
  inVain: number,
  error: BrokenAttempt,
  { baseMs, maxMs, hasAnother }: RetryOptions & Subject,
): number {
  const asked = hasAnother() ? undefined : error.retryAfterMs;
  if (asked !== undefined) return Math.min(Math.max(0, asked), MAX_ASKED_MS);
  return Math.min(baseMs * 2 ** Math.max(0, inVain - 1) * (1 + Math.random() / 2), maxMs);
}
