const EVERY_MS = 1_000;

/**
 * Tells the log of runs that were turned away because of others, once a second for each key: a line for each of them
 * would let a flood fill the log, and cost the edge more than to turn them away.
 */
export class TurnedAway implements Disposable {
  readonly #tell: (apiKey: string, runs: number) => void;
  readonly #runs = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(tell: (apiKey: string, runs: number) => void) {
    this.#tell = tell;
  }

  /** One more of the key with this id. */
  count(apiKey: string): void {
    this.#runs.set(apiKey, (this.#runs.get(apiKey) ?? 0) + 1);
    this.#timer ??= setTimeout(() => this[Symbol.dispose](), EVERY_MS);
  }

  /** Tells what it has not told yet. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const [apiKey, runs] of this.#runs) this.#tell(apiKey, runs);
    this.#runs.clear();
  }
}
