import type { Outcome } from "../run/index.ts";

/**
 * Those of this process who wait for one run. Each may leave by its own signal; when nobody is left, with that, the run
 * is to end. A caller without a signal never leaves.
 */
export class Callers {
  readonly #nobody = new AbortController();
  #count = 0;

  /** Fires when the last one has left, with its reason, and when all are sent away. */
  get gone(): AbortSignal {
    return this.#nobody.signal;
  }

  /** The run is to end, whoever waits for it. They hear how it does. */
  sendAway(reason: unknown): void {
    this.#nobody.abort(reason);
  }

  /** Resolves with `outcome`, or with `undefined` as soon as `signal` fires while somebody else still waits. */
  async wait(outcome: Promise<Outcome>, signal: AbortSignal | undefined): Promise<Outcome | undefined> {
    this.#count += 1;
    if (!signal) return outcome;
    const left = Promise.withResolvers<undefined>();
    const leave = () => {
      this.#count -= 1;
      if (this.#count === 0) this.#nobody.abort(signal.reason);
      else left.resolve(undefined);
    };
    signal.addEventListener("abort", leave, { once: true });
    if (signal.aborted) leave();
    try {
      return await Promise.race([outcome, left.promise]);
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }
}
