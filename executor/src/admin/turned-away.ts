const EVERY_MS = 1_000;

interface Count {
  readonly apiKey: string;
  readonly outcome: string;
  runs: number;
}

/**
 * Tells the log of runs that never began, whosever fault it was, once a second for each key and outcome: a line for each
 * of them would let a flood fill the log, and cost the edge more than to turn them away.
 */
export class TurnedAway implements Disposable {
  readonly #tell: (count: Count) => void;
  readonly #counts = new Map<string, Count>();
  #timer: NodeJS.Timeout | undefined;

  constructor(tell: (count: Count) => void) {
    this.#tell = tell;
  }

  /** One more of the key with this id. */
  count(apiKey: string, outcome: string): void {
    const of = `${apiKey}/${outcome}`; // neither has a slash
    const count = this.#counts.get(of);
    if (count) count.runs += 1;
    else this.#counts.set(of, { apiKey, outcome, runs: 1 });
    this.#timer ??= setTimeout(() => this[Symbol.dispose](), EVERY_MS);
  }

  /** Tells what it has not told yet. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const count of this.#counts.values()) this.#tell(count);
    this.#counts.clear();
  }
}
