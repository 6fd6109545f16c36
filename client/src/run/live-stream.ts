import type { Checked } from "../registry/issues.ts";
import { outputError, messageOf, toCallError } from "./call-error.ts";
import type { Answer } from "./invoke.ts";
import { toWire } from "./values.ts";

const MAX_AHEAD = 64; // items that are taken before the program asks for them

/** What a stream needs of the call that has returned it. */
export interface LiveStreamOptions {
  /** Of the handler: fires when nobody wants more. */
  readonly controller: AbortController;
  /** Checks one item. */
  readonly check: (item: unknown) => Checked | Promise<Checked>;
  /** Calls `body` where the handler runs. */
  readonly inContext: <T>(body: () => T) => T;
}

/**
 * What a handler yields, taken a little ahead of the program. Nothing is taken before the program first asks; an answer has
 * all that is there by then, so that a slow program and a quick handler cost each other few calls.
 */
export class LiveStream {
  readonly #iterator: AsyncIterator<unknown>;
  readonly #options: LiveStreamOptions;
  #items: unknown[] = [];
  /** How it ended; what was yielded before comes first. */
  #end: Answer | undefined;
  #isPumping = false;
  #wake = Promise.withResolvers<void>();

  constructor(source: AsyncIterable<unknown>, options: LiveStreamOptions) {
    this.#options = options;
    this.#iterator = source[Symbol.asyncIterator]();
  }

  get controller(): AbortController {
    return this.#options.controller;
  }

  /** The next items, one at least, of at most `maxBytes` together; or how the stream ended. */
  async take(maxBytes: number): Promise<Answer> {
    void this.#pump();
    while (this.#items.length === 0 && !this.#end) await this.#wake.promise;
    if (this.#items.length === 0) return this.#end ?? DONE;
    const answer = this.#takeItems(maxBytes);
    void this.#pump();
    return answer;
  }

  /** Nobody wants more. */
  stop(reason: unknown): void {
    if (!this.#end) this.#finish(DONE);
    this.#items = [];
    this.#options.controller.abort(reason);
    // A generator that waits for something of its own comes back when the signal has told it; nobody waits for it here.
    void this.#options.inContext(async () => this.#iterator.return?.()).catch(() => {});
  }

  /** As many as fit. */
  #takeItems(maxBytes: number): Answer {
    for (let count = this.#items.length; ; count = Math.ceil(count / 2)) {
      try {
        const value = toWire({ items: this.#items.slice(0, count), done: false }, maxBytes);
        this.#items = this.#items.slice(count);
        return { value };
      } catch (error) {
        if (count > 1) continue;
        const failed = { error: outputError(`item: ${messageOf(error)}`) };
        this.stop(error);
        return (this.#end = failed);
      }
    }
  }

  async #pump(): Promise<void> {
    if (this.#isPumping) return;
    this.#isPumping = true;
    const { check, inContext } = this.#options;
    try {
      while (!this.#end && this.#items.length < MAX_AHEAD) {
        const { value, done } = await inContext(async () => this.#iterator.next());
        if (this.#end) return;
        if (done) return this.#finish(DONE);
        const checked = await check(value);
        if (this.#end) return;
        if (!checked.ok) {
          const { message } = checked;
          this.stop(new TypeError(message));
          return this.#finish({ error: outputError(`item: ${message}`) });
        }
        this.#items.push(checked.value);
        this.#notify();
      }
    } catch (error) {
      this.#finish({ error: toCallError(error) });
    } finally {
      this.#isPumping = false;
    }
  }

  #finish(end: Answer): void {
    this.#end = end;
    this.#notify();
  }

  #notify(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }
}

const DONE: Answer = { value: toWire({ items: [], done: true }) };

/** What an app answers that no longer has the stream. */
export const LOST: Answer = {
  error: {
    ...toCallError(new Error("The stream ended with the app that ran its handler: call again")),
    name: "StreamLostError",
    code: "STREAM_LOST",
  },
};

/** What a program asks of a stream; undefined when it is nothing that a guest of ours says. */
export function toRequest(input: unknown): { readonly of: number; readonly isEnd: boolean } | undefined {
  if (typeof input !== "object" || input === null) return undefined;
  const { of, end } = input as { of?: unknown; end?: unknown };
  return Number.isSafeInteger(of) ? { of: of as number, isEnd: end === true } : undefined;
}

export function isStream(output: unknown): output is AsyncIterable<unknown> {
  return typeof output === "object" && output !== null && Symbol.asyncIterator in output;
}
