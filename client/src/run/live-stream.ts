import { setTimeout as sleep } from "node:timers/promises";
import type { Checked } from "../registry/issues.ts";
import { messageOf } from "../thrown.ts";
import { outputError, toCallError } from "./call-error.ts";
import type { Answer } from "./invoke.ts";
import { DONE, itemsAnswer } from "./item-calls.ts";
import { toWire } from "./values.ts";

/** What is taken before the program asks for it. */
const AHEAD = { items: 64, bytes: 262_144 } as const;
/** What an answer waits for more items: longer from one to the next, so that a long stream is not a call for each. */
const LINGER = { stepMs: 0.25, maxMs: 100 } as const;

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
 * all that is there by then.
 */
export class LiveStream {
  readonly #iterator: AsyncIterator<unknown>;
  readonly #options: LiveStreamOptions;
  #items: { readonly value: unknown; readonly bytes: number }[] = [];
  #bytes = 0;
  /** How it ended; what was yielded before comes first. */
  #end: Answer | undefined;
  /** The source has said that there is no more, or has failed: nothing is to be asked of it any more. */
  #isExhausted = false;
  #isPumping = false;
  #takes = 0;
  #wake = Promise.withResolvers<void>();

  constructor(source: AsyncIterable<unknown>, options: LiveStreamOptions) {
    this.#options = options;
    this.#iterator = source[Symbol.asyncIterator]();
  }

  get controller(): AbortController {
    return this.#options.controller;
  }

  /** True when all that there was has been taken. */
  get isOver(): boolean {
    return this.#end !== undefined && this.#items.length === 0;
  }

  /** What the source itself has come to, whatever has been taken of it. */
  get source(): "open" | "ended" | "failed" {
    if (!this.#end) return "open";
    return this.#end.error ? "failed" : "ended";
  }

  /** The next items, one at least, of at most `maxBytes` together; or how the stream ended. */
  async take(maxBytes: number): Promise<Answer> {
    void this.#pump();
    while (this.#items.length === 0 && !this.#end) await this.#wake.promise;
    await this.#linger();
    if (this.#items.length === 0) return this.#end ?? { value: DONE };
    const answer = this.#takeItems(maxBytes);
    void this.#pump();
    return answer;
  }

  /** Nobody wants more. */
  stop(reason: unknown): void {
    this.#items = [];
    this.#bytes = 0;
    this.#close({ value: DONE }, reason);
  }

  async #linger(): Promise<void> {
    const ms = Math.min(this.#takes++ * LINGER.stepMs, LINGER.maxMs);
    const until = performance.now() + ms;
    if (ms < 1 || this.#items.length === 0) return;
    while (!this.#end && !this.#isFull && performance.now() < until) {
      const late = new AbortController();
      await Promise.race([
        this.#wake.promise,
        sleep(Math.max(0, until - performance.now()), undefined, { signal: late.signal }),
      ]).catch(() => {});
      late.abort();
    }
  }

  get #isFull(): boolean {
    return this.#items.length >= AHEAD.items || this.#bytes >= AHEAD.bytes;
  }

  /** As many as fit. */
  #takeItems(maxBytes: number): Answer {
    for (let count = this.#items.length; ; count = Math.ceil(count / 2)) {
      const some = this.#items.slice(0, count);
      try {
        const value = itemsAnswer(
          some.map((item) => item.value),
          maxBytes,
        );
        this.#items = this.#items.slice(count);
        this.#bytes -= some.reduce((sum, { bytes }) => sum + bytes, 0);
        return { value };
      } catch (error) {
        if (count > 1) continue;
        this.stop(error);
        return { error: outputError(`item: ${messageOf(error)}`) };
      }
    }
  }

  async #pump(): Promise<void> {
    if (this.#isPumping) return;
    this.#isPumping = true;
    const { check, inContext } = this.#options;
    try {
      while (!this.#end && !this.#isFull) {
        const { value, done } = await inContext(async () => this.#iterator.next());
        if (done) {
          this.#isExhausted = true;
          return this.#finish({ value: DONE });
        }
        const checked = this.#end ? undefined : await inContext(async () => check(value));
        if (this.#end || !checked) return;
        if (!checked.ok)
          return this.#close({ error: outputError(`item: ${checked.message}`) }, new TypeError(checked.message));
        const bytes = toWire(checked.value).data.length;
        this.#items.push({ value: checked.value, bytes });
        this.#bytes += bytes;
        this.#notify();
      }
    } catch (error) {
      this.#isExhausted = true;
      this.#finish({ error: toCallError(error) });
    } finally {
      this.#isPumping = false;
    }
  }

  /** Ends it from this side, and tells the source where it can be told. */
  #close(end: Answer, reason: unknown): void {
    this.#finish(end);
    if (this.#isExhausted) return;
    this.#isExhausted = true;
    const { controller, inContext } = this.#options;
    controller.abort(reason);
    // A generator that waits for something of its own comes back when the signal has told it; nobody waits for it here.
    void inContext(async () => this.#iterator.return?.()).catch(() => {});
  }

  #finish(end: Answer): void {
    this.#end ??= end;
    this.#notify();
  }

  #notify(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }
}
