const MAX = { withoutProgress: 2, inAll: 10 } as const;
const BACK_OFF_MS = 50; // after the first, and twice as long after each further one

/**
 * Counts the workers that died under one run, so that a program which kills them does not do so without end. The run goes
 * on a little later: what killed one worker may just be killing the others, and those are not seen to be dead yet.
 */
export class Deaths {
  #inAll = 0;
  #inARow = 0;
  #answered = -1;

  /** Counts one more, when the run had `answered` answers. When to go on, in milliseconds; undefined: it was one too many. */
  backOffMs(answered: number): number | undefined {
    this.#inARow = answered > this.#answered ? 1 : this.#inARow + 1;
    this.#answered = answered;
    this.#inAll += 1;
    if (this.#inARow > MAX.withoutProgress || this.#inAll > MAX.inAll) return undefined;
    return BACK_OFF_MS * 2 ** (this.#inARow - 1);
  }
}
