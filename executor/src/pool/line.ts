import { BusyError } from "./busy.ts";
import type { Lease } from "./lease.ts";

/** One session that waits for a worker. */
export interface Waiter {
  readonly tenant: string;
  /** What its program holds in memory. */
  readonly bytes: number;
  /** It had a worker before, and is never turned away. */
  readonly isAccepted: boolean;
  readonly since: number;
  /** How often one who came later was served first. */
  passedOver: number;
  readonly resolve: (lease: Lease) => void;
  readonly reject: (reason: unknown) => void;
}

/** Who asks for a worker. */
export type Applicant = Pick<Waiter, "tenant" | "bytes"> & { readonly isAccepted?: boolean };

const RETRY_UNIT_MS = 100; // per run ahead on each worker; short programs take less
const MAX_RETRY_MS = 5_000;

const MAX_BYTES = 64 * 1024 * 1024; // a program with its context may take 4 MiB

/** Sessions in the order in which they came, up to a bound of their number and of what they hold. */
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
    return this.#waiters.values(); // a Set may lose what has been passed while it is walked
  }

  /** Joins the line; leaves it when `signal` aborts. */
  join({ tenant, bytes, isAccepted = false }: Applicant, signal: AbortSignal): Promise<Lease> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<Lease>();
    const waiter: Waiter = { tenant, bytes, isAccepted, since: performance.now(), passedOver: 0, resolve, reject };
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
    let count = 0;
    let bytes = 0;
    for (const waiter of this) {
      if (waiter.isAccepted) continue;
      count += 1;
      bytes += waiter.bytes;
      if (count <= this.#max && bytes <= MAX_BYTES) continue;
      count -= 1;
      bytes -= waiter.bytes;
      this.remove(waiter);
      const ahead = Math.ceil((this.#max + workers) / workers);
      const retryAfterMs = Math.min(MAX_RETRY_MS, RETRY_UNIT_MS * ahead);
      const state = `all ${workers} busy, ${count} runs wait`;
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
