import type { Rate } from "../config/api-key.ts";

/** Lets something happen at a rate. */
export class TokenBucket {
  readonly #rate: Rate;
  #tokens: number;
  #filledAt: number = performance.now();

  constructor(rate: Rate) {
    this.#rate = rate;
    this.#tokens = rate.burst;
  }

  /** Takes a token, when there is one. Otherwise how long that will take, in milliseconds. */
  take(): { readonly waitMs: number } {
    const { perSecond, burst } = this.#rate;
    const now = performance.now();
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#filledAt) * perSecond) / 1_000);
    this.#filledAt = now;
    if (this.#tokens < 1) return { waitMs: Math.ceil(((1 - this.#tokens) * 1_000) / perSecond) };
    this.#tokens -= 1;
    return { waitMs: 0 };
  }
}
