import { CodemodeError } from "@codemode/proto";
import pRetry from "p-retry";
import { orAborted } from "../abort.ts";

const RETRY = { retries: Infinity, minTimeout: 10, maxTimeout: 500, randomize: true };
const HURRIED_MS = 2_000; // more than a healthy store takes for what a run still has to record

/**
 * How long one run waits for its store. A store that is busy is asked again, so that a lock which somebody holds for a
 * while ends no run; one that does not answer is given up.
 */
export class Patience implements Disposable {
  readonly #ms: number;
  readonly #ending: AbortSignal;
  readonly #over = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  /**
   * For every step `ms`: the lease, because when it has run out somebody else may have the run. Hurries when `ending`
   * fires.
   */
  constructor(ms: number, ending: AbortSignal) {
    this.#ms = ms;
    this.#ending = ending;
    ending.addEventListener("abort", this.hurry);
  }

  /** Somebody waits for the end of the run: two seconds are left for all its steps together. Idempotent. */
  readonly hurry = (): void => {
    const ms = Math.min(HURRIED_MS, this.#ms);
    this.#timer ??= setTimeout(() => this.#over.abort(noAnswer(ms)), ms);
  };

  /** Resolves with what `step` comes to. Throws what stood in its way last. */
  async wait<T>(step: () => Promise<T>): Promise<T> {
    const late = new AbortController();
    let why: Error = noAnswer(this.#ms);
    const timer = setTimeout(() => late.abort(why), this.#ms);
    const steps = pRetry(step, {
      ...RETRY,
      signal: late.signal,
      shouldRetry: ({ error }) => isBusy(error),
      onFailedAttempt: ({ error }) => void (why = error),
    });
    try {
      return await orAborted(orAborted(steps, late.signal), this.#over.signal);
    } finally {
      clearTimeout(timer);
      late.abort(); // nothing is tried again that nobody waits for
    }
  }

  [Symbol.dispose](): void {
    this.#ending.removeEventListener("abort", this.hurry);
    clearTimeout(this.#timer);
  }
}

function isBusy(error: unknown): boolean {
  return CodemodeError.is(error) && error.code === "BUSY";
}

function noAnswer(ms: number): CodemodeError {
  return new CodemodeError("TIMEOUT", `its store has not answered within ${ms} ms`);
}
