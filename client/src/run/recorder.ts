/** Records one thing. Rejects when it could not, or when the run is no longer ours. */
export type Write = () => Promise<void>;

/**
 * Records what a run does, one thing after the other: what is kept of it at any moment is how far it was at some moment.
 * After a record that could not be made there is no other.
 */
export class Recorder {
  readonly #onFailure: (error: unknown) => void;
  readonly #waiting: { readonly write: Write; readonly done: PromiseWithResolvers<void> }[] = [];
  #work: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  /** Tells `onFailure` once, before whoever waits for a record hears of it. */
  constructor(onFailure: (error: unknown) => void) {
    this.#onFailure = onFailure;
  }

  /** Resolves when `write`, and all before it, are done. */
  record(write: Write): Promise<void> {
    const done = Promise.withResolvers<void>();
    this.#waiting.push({ write, done });
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
        await next.write();
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
