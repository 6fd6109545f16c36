import type { Writable } from "node:stream";

interface Said<T> {
  readonly message: T;
  readonly onSent: (() => void) | undefined;
}

/**
 * Messages on their way to a stream: in the order in which they were said, and no faster than they are taken. While the
 * stream has room they are written at once, those that are said in one turn of the event loop side by side.
 */
export class Outgoing<T> {
  readonly #stream: Writable;
  #waiting: Said<T>[] = [];
  #onSent: (() => void)[] = [];
  #isFull = false;
  #isClosed = false;

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  /** Calls `onSent` when the stream has passed it on, which it may never do. */
  say(message: T, onSent?: () => void): void {
    if (this.#isClosed) return;
    if (this.#isFull) this.#waiting.push({ message, onSent });
    else this.#write(message, onSent);
  }

  /** Resolves when all that was said so far is written, and there is room for more. Never when it is closed before. */
  sent(): Promise<void> {
    return this.#isFull ? new Promise((resolve) => this.#onSent.push(resolve)) : Promise.resolve();
  }

  /** What has not been written is dropped, and so is what is said from now on. */
  close(): void {
    this.#isClosed = true;
    this.#waiting = [];
    this.#onSent = [];
    this.#stream.off("drain", this.#goOn);
  }

  #write(message: T, onSent: (() => void) | undefined): void {
    if (this.#stream.write(message, onSent)) return;
    this.#isFull = true;
    this.#stream.once("drain", this.#goOn);
  }

  readonly #goOn = (): void => {
    this.#isFull = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { message, onSent } of waiting) this.say(message, onSent);
    if (this.#isFull) return;
    for (const resolve of this.#onSent.splice(0)) resolve();
  };
}
