/** Who work is done for: those that the pool and the edge share what is scarce between. */
export interface Account {
  readonly id: string;
  readonly weight: number;
}

/**
 * Something of which there is `max`, for several accounts. One that is within its share, by weight, gets what it asks
 * for whatever the others hold; more than that it gets while there is room. So nobody's flood takes another's share, one
 * account alone may have everything, and no more than twice `max` is ever taken.
 */
export class Quota {
  readonly #max: number;
  readonly #totalWeight: number;
  readonly #held = new Map<string, number>();
  #taken = 0;

  /** `totalWeight` is that of all accounts that there are. */
  constructor(max: number, totalWeight: number) {
    this.#max = max;
    this.#totalWeight = totalWeight;
  }

  /** Taken now, by all accounts. */
  get taken(): number {
    return this.#taken;
  }

  /** False, and nothing is taken, when there is no room for `amount`. */
  take(account: Account, amount: number): boolean {
    const held = (this.#held.get(account.id) ?? 0) + amount;
    const share = (this.#max * account.weight) / this.#totalWeight;
    if (held > share && this.#taken + amount > this.#max) return false;
    this.#taken += amount;
    this.#held.set(account.id, held);
    return true;
  }

  give(account: Account, amount: number): void {
    const held = (this.#held.get(account.id) ?? 0) - amount;
    this.#taken -= amount;
    if (held > 0) this.#held.set(account.id, held);
    else this.#held.delete(account.id);
  }
}
