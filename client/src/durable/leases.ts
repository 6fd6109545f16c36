import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { FencedError } from "../errors.ts";
import type { JournalStore } from "../journal/index.ts";
import type { Logger } from "../logger.ts";

const RENEWALS = 3; // in one lease: two may be late, or fail

interface Held {
  readonly executionId: string;
  readonly fence: number;
  readonly onLost: (error: FencedError) => void;
}

/** Keeps the leases of one client's runs, with one timer for all of them, which keeps no process alive. */
export class Leases {
  /** For people who ask who has a run. */
  readonly owner = `${hostname()}:${process.pid}:${randomBytes(4).toString("hex")}`;
  readonly leaseMs: number;
  readonly #store: JournalStore;
  readonly #logger: Logger;
  readonly #held = new Set<Held>();
  #timer: NodeJS.Timeout | undefined;

  constructor(store: JournalStore, leaseMs: number, logger: Logger) {
    this.#store = store;
    this.leaseMs = leaseMs;
    this.#logger = logger;
  }

  /** Renews the lease until the returned object is disposed of. `onLost` is told once when somebody else has the run. */
  keep(held: Held): Disposable {
    this.#held.add(held);
    this.#timer ??= setInterval(() => this.#renew(), this.leaseMs / RENEWALS).unref();
    return { [Symbol.dispose]: () => this.#letGo(held) };
  }

  #renew(): void {
    for (const held of this.#held) {
      const { executionId, fence } = held;
      this.#store.renew(executionId, fence, this.leaseMs).catch((error: unknown) => {
        if (!this.#held.has(held)) return; // it ended meanwhile
        // Nobody has it for certain but by a fence: a store that cannot be asked now may be asked the next time.
        if (!(error instanceof FencedError)) {
          return this.#logger.warn({ executionId, error }, "The lease of a run could not be renewed");
        }
        this.#letGo(held);
        held.onLost(error);
      });
    }
  }

  #letGo(held: Held): void {
    this.#held.delete(held);
    if (this.#held.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
