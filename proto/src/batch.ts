const MAX_ITEMS = 256;
const MAX_BYTES = 65_536;
/** Of an item: a larger one costs more by itself than by being a message. */
const MAX_ITEM_BYTES = 4_096;

/**
 * Calls, or answers, that are said in one turn of the event loop: they go as one message, since on its way each message costs as much
 * as what is in it. Nothing waits longer than for the end of the turn.
 */
export class Batch<T> {
  readonly #send: (items: T[]) => void;
  #items: T[] = [];
  #bytes = 0;

  constructor(send: (items: T[]) => void) {
    this.#send = send;
  }

  /** Takes `item`, which has about `bytes`. False when it is better sent by itself; then what was added before has been sent. */
  add(item: T, bytes: number): boolean {
    if (bytes > MAX_ITEM_BYTES || this.#bytes + bytes > MAX_BYTES || this.#items.length === MAX_ITEMS) this.flush();
    if (bytes > MAX_ITEM_BYTES) return false;
    if (this.#items.length === 0) process.nextTick(() => this.flush());
    this.#items.push(item);
    this.#bytes += bytes;
    return true;
  }

  /** Sends what there is. To be called before anything else is said. */
  flush(): void {
    const items = this.#items;
    if (items.length === 0) return;
    this.#items = [];
    this.#bytes = 0;
    this.#send(items);
  }
}
