import { BusyError } from "./busy.ts";
import type { Lease } from "./lease.ts";

/** One session that waits for a worker. */
export interface Waiter {
  readonly tenant: string;
  readonly resolve: (lease: Lease) => void;
  readonly reject: (reason: unknown) => void;
}

const RETRY_UNIT_MS = 100; // per run ahead on each worker; short programs take less
const MAX_RETRY_MS = 5_000;

/** Sessions in the order in which they came, up to a bound. */
export class Line implements Iterable<Waiter> {
  readonly #waiters = new Set<Waiter>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  get length(): number {
    return this.#waiters.size;
  }

  [Symbol.iterator](): Iterator<Waiter> {
    return [...this.#waiters].values();
  }

  /** Joins the line; leaves it when `signal` aborts. */
  join(tenant: string, signal: AbortSignal): Promise<Lease> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<Lease>();
    const waiter: Waiter = { tenant, resolve, reject };
    const leave = (): void => {
      this.remove(waiter);
      reject(signal.reason);
    };
    signal.addEventListener("abort", leave, { once: true });
    this.#waiters.add(waiter);
    return promise.finally(() => signal.removeEventListener("abort", leave));
  }

  remove(waiter: Waiter): void {
    this.#waiters.delete(waiter);
  }

  /** Turns away those who came after the line was full. Called when those who can be served are. */
  trim(workers: number): void {
    for (const waiter of [...this.#waiters].slice(this.#max)) {
      this.remove(waiter);
      const ahead = Math.ceil((this.#max + workers) / workers);
      const retryAfterMs = Math.min(MAX_RETRY_MS, RETRY_UNIT_MS * ahead);
      const state = `all ${workers} busy, ${this.#max} runs wait`;
      waiter.reject(new BusyError(`Cannot lend a worker: ${state}`, retryAfterMs));
    }
  }

  /** Turns everybody away. */
  refuse(reason: Error): void {
    for (const waiter of this) {
      this.remove(waiter);
      waiter.reject(reason);
    }
  }
}
