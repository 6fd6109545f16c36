import type { CallRow } from "../journal/index.ts";

/** Keeps what a run does; in a store, as a rule. Rejects when it could not, or when the run is no longer ours. */
export type Put = (row: CallRow) => Promise<void>;

/**
 * Records the calls of one run, one after the other: what is kept of it at any moment is how far it was at some moment.
 * After a record that could not be made there is no other.
 */
export class Recorder {
  readonly #put: Put;
  readonly #onFailure: (error: unknown) => void;
  readonly #waiting: { readonly row: CallRow; readonly done: PromiseWithResolvers<void> }[] = [];
  #work: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  /** Tells `onFailure` once, before whoever waits for a record hears of it. */
  constructor(put: Put, onFailure: (error: unknown) => void) {
    this.#put = put;
    this.#onFailure = onFailure;
  }

  /** Resolves when `row`, and all before it, are recorded. */
  put(row: CallRow): Promise<void> {
    const done = Promise.withResolvers<void>();
    this.#waiting.push({ row, done });
    this.#work ??= this.#record();
    return done.promise;
  }

  /** Resolves when nothing waits to be recorded. Throws what has stopped it. */
  async flush(): Promise<void> {
    await this.#work;
    if (this.#failure) throw this.#failure.error;
  }

  async #record(): Promise<void> {
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      try {
        if (this.#failure) throw this.#failure.error;
        await this.#put(next.row);
        next.done.resolve();
      } catch (error) {
        if (!this.#failure) {
          this.#failure = { error };
          this.#onFailure(error);
        }
        next.done.reject(error);
      }
    }
    this.#work = undefined;
  }
}
