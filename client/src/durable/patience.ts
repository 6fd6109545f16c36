import { CodemodeError } from "@codemode/proto";
import pRetry from "p-retry";

const RETRY = { retries: Infinity, minTimeout: 10, maxTimeout: 500, randomize: true };
const HURRIED_MS = 2_000; // more than a healthy store takes for what a run still has to record

/** A step that has not come to its end. */
interface Waiting {
  /** When it is given up, on the clock of `performance`. */
  readonly until: number;
  readonly giveUp: (why: Error) => void;
  /** What stood in its way last. */
  failure?: Error;
  /** Ends the pause before it is tried again. */
  late?: AbortController;
}

/**
 * How long one run waits for its store. A store that is busy is asked again, so that a lock which somebody holds for a
 * while ends no run; one that does not answer is given up.
 *
 * A store in memory answers before any timer could fire, and twice for every call: one timer looks after all steps.
 */
export class Patience implements Disposable {
  readonly #ms: number;
  readonly #ending: AbortSignal;
  readonly #waiting = new Set<Waiting>();
  #timer: NodeJS.Timeout | undefined;
  #hurried: NodeJS.Timeout | undefined;
  #isOver = false;

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
    this.#hurried ??= setTimeout(() => {
      this.#isOver = true;
      for (const { giveUp } of this.#waiting) giveUp(noAnswer(this.#hurriedMs));
    }, this.#hurriedMs);
  };

  /** Resolves with what `step` comes to. Throws what stood in its way last. */
  wait<T>(step: () => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const giveUp = (why: Error) => {
      this.#waiting.delete(waiting);
      reject(why);
      waiting.late?.abort(why);
    };
    const waiting: Waiting = { until: performance.now() + this.#ms, giveUp };
    this.#waiting.add(waiting);
    this.#timer ??= setTimeout(this.#look, this.#ms);
    this.#try(step, waiting).then(resolve, reject);
    if (this.#isOver) giveUp(noAnswer(this.#hurriedMs));
    return promise;
  }

  [Symbol.dispose](): void {
    this.#ending.removeEventListener("abort", this.hurry);
    clearTimeout(this.#timer);
    clearTimeout(this.#hurried);
  }

  async #try<T>(step: () => Promise<T>, waiting: Waiting): Promise<T> {
    try {
      return await step();
    } catch (error) {
      if (!isBusy(error) || !this.#waiting.has(waiting)) throw error;
      waiting.failure = error;
      waiting.late = new AbortController(); // nothing is tried again that nobody waits for
      return await pRetry(step, {
        ...RETRY,
        signal: waiting.late.signal,
        shouldRetry: ({ error: again }) => isBusy(again),
        onFailedAttempt: ({ error: again }) => void (waiting.failure = again),
      });
    } finally {
      this.#waiting.delete(waiting);
    }
  }

  /** Gives up what is overdue, and comes back for what is not. */
  readonly #look = (): void => {
    const now = performance.now();
    let next = Infinity;
    for (const { until, failure, giveUp } of this.#waiting) {
      if (until <= now) giveUp(failure ?? noAnswer(this.#ms));
      else next = Math.min(next, until);
    }
    this.#timer = next === Infinity ? undefined : setTimeout(this.#look, next - now);
  };

  get #hurriedMs(): number {
    return Math.min(HURRIED_MS, this.#ms);
  }
}

function isBusy(error: unknown): error is CodemodeError {
  return CodemodeError.is(error) && error.code === "BUSY";
}

function noAnswer(ms: number): CodemodeError {
  return new CodemodeError("TIMEOUT", `its store has not answered within ${ms} ms`);
}
