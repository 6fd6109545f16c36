import { BusyError } from "./busy.ts";
import type { FairShare } from "./fair-share.ts";
import type { Lease } from "./lease.ts";
import { type Account, Quota } from "./quota.ts";

/** What somebody needs a worker for. */
export interface Errand {
  /** Runs of different tenants of an account never share a worker. */
  readonly tenant: string;
  /** It had a worker before, and is never turned away. */
  readonly isAccepted?: boolean;
}

/** Who asks for a worker. */
export interface Applicant extends Errand {
  readonly account: Account;
}

/** One session that waits for a worker. */
export interface Waiter extends Applicant {
  readonly since: number;
  /** How often one of its account who came later was served first. */
  passedOver: number;
  /** Ends its waiting; set while it has one of the places that are counted. */
  due: NodeJS.Timeout | undefined;
  /** Rejects when it is turned away, and when its signal aborts. */
  readonly served: Promise<Lease>;
  readonly resolve: (lease: Lease) => void;
  readonly reject: (reason: unknown) => void;
}

export interface LineLimits {
  /** Sessions that wait, over all accounts. */
  readonly maxWaiting: number;
  /** How long one may wait that never had a worker, in milliseconds. */
  readonly maxWaitMs: number;
  /** The weights of all accounts together. */
  readonly totalWeight: number;
}

const RETRY_UNIT_MS = 100; // per run ahead on each worker; short programs take less
const MAX_RETRY_MS = 5_000;

/**
 * Sessions that wait for a worker: those of one account in the order in which they came, the accounts in turns. Bounded in
 * number, each account within a share of its own (Quota), and in time; what they hold is bounded for all runs (Holdings).
 */
export class Line {
  readonly #share: FairShare;
  readonly #limits: LineLimits;
  readonly #queues = new Map<string, Set<Waiter>>();
  readonly #places: Quota;

  constructor(share: FairShare, limits: LineLimits) {
    this.#share = share;
    this.#limits = limits;
    this.#places = new Quota(limits.maxWaiting, limits.totalWeight);
  }

  get isEmpty(): boolean {
    return this.#queues.size === 0;
  }

  /** Those of one account, in their order. */
  of(account: Account): Iterable<Waiter> {
    return this.#queues.get(account.id) ?? [];
  }

  /** Everybody, in the order of turns; those of accounts that are in `closed` by then are left out. */
  *inTurn(closed: ReadonlySet<Account>): Generator<Waiter, void, undefined> {
    const heads = [...this.#queues.values()].flatMap((queue) => {
      const [first] = queue;
      // A Set may lose what has been passed while it is walked.
      return first ? [{ account: first.account, ...this.#share.turn(first.account), waiters: queue.values() }] : [];
    });
    while (heads.length > 0) {
      const next = heads.reduce((least, head) => (head.atMs < least.atMs ? head : least));
      const { value } = closed.has(next.account) ? { value: undefined } : next.waiters.next();
      if (!value) heads.splice(heads.indexOf(next), 1);
      else {
        next.atMs += next.stepMs;
        yield value;
      }
    }
  }

  /** Joins the line; leaves it when `signal` aborts. */
  join(applicant: Applicant, signal: AbortSignal): Waiter {
    const { promise, resolve, reject } = Promise.withResolvers<Lease>();
    const leave = (): void => this.#turnAway(waiter, signal.reason);
    const served = promise.finally(() => signal.removeEventListener("abort", leave));
    const since = performance.now();
    const waiter: Waiter = { ...applicant, since, passedOver: 0, due: undefined, served, resolve, reject };
    signal.addEventListener("abort", leave, { once: true });
    const { account } = applicant;
    const queue = this.#queues.get(account.id);
    if (queue) queue.add(waiter);
    else {
      this.#share.arrives(account);
      this.#queues.set(account.id, new Set([waiter]));
    }
    return waiter;
  }

  /** Gives one whom none of the `workers` could serve at once a place to wait in, or turns it away. */
  seat(waiter: Waiter, workers: number): void {
    const { account } = waiter;
    if (waiter.isAccepted || !this.#queues.get(account.id)?.has(waiter)) return;
    const { maxWaiting, maxWaitMs } = this.#limits;
    const ahead = Math.ceil((maxWaiting + workers) / workers);
    if (this.#places.take(account, 1)) {
      const late = (): void => this.#turnAway(waiter, busy(`it has waited ${maxWaitMs} ms`, ahead));
      waiter.due = setTimeout(late, maxWaitMs);
      return;
    }
    this.#turnAway(waiter, busy(`all ${workers} busy, ${this.#places.taken} runs wait`, ahead));
  }

  remove(waiter: Waiter): void {
    const { account, due } = waiter;
    const queue = this.#queues.get(account.id);
    if (!queue?.delete(waiter)) return;
    if (queue.size === 0) this.#queues.delete(account.id);
    if (due === undefined) return;
    clearTimeout(due);
    this.#places.give(account, 1);
  }

  /** Turns everybody away. */
  refuse(reason: Error): void {
    for (const queue of this.#queues.values()) for (const waiter of queue) this.#turnAway(waiter, reason);
  }

  #turnAway(waiter: Waiter, reason: unknown): void {
    this.remove(waiter);
    waiter.reject(reason);
  }
}

function busy(state: string, ahead: number): BusyError {
  const retryAfterMs = Math.min(MAX_RETRY_MS, RETRY_UNIT_MS * ahead);
  return new BusyError(`Cannot lend a worker: ${state}`, retryAfterMs);
}
