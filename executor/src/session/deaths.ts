const MAX = { withoutProgress: 2, inAll: 10 } as const;

/** Counts the workers that died under one run, so that a program which kills them does not do so without end. */
export class Deaths {
  #inAll = 0;
  #inARow = 0;
  #answered = -1;

  /** Counts one more, when the run had `answered` answers. False when it was one too many. */
  survives(answered: number): boolean {
    this.#inARow = answered > this.#answered ? 1 : this.#inARow + 1;
    this.#answered = answered;
    this.#inAll += 1;
    return this.#inARow <= MAX.withoutProgress && this.#inAll <= MAX.inAll;
  }
}
