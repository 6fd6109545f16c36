import type { Account } from "./quota.ts";

/** What one account has had of the workers. */
interface Standing {
  readonly account: Account;
  /** CPU time that it has used, in milliseconds over its weight, on the clock of all accounts. */
  virtualMs: number;
  /** What a turn of its costs, going by its last ones. */
  turnMs: number;
  /** When it last wanted or had a worker. */
  seenAt: number;
}

const FIRST_TURN_MS = 10;
const SMOOTHING = 0.3; // of a turn in the average
const MAX_DEBT_MS = 1_000; // one dear run must not keep an account out for as long as it took
/** How long an account keeps its share when it wants nothing: what runs now and then finds its worker warm. */
export const KEEP_MS = 5_000;

/**
 * Weighted fair queueing of CPU time over accounts: the turn is that of the account that has had least for its weight
 * while it wanted something. And a share of the workers, by weight, for each account that has lately used some: a run
 * cannot be taken off its worker, so one that must not wait for others' runs needs a worker that they leave free.
 */
export class FairShare {
  readonly #size: number;
  readonly #standings = new Map<string, Standing>();
  /** Virtual time: where the account stood that was served last. Who wants something now starts from there. */
  #nowMs = 0;

  /** Of `size` workers. */
  constructor(size: number) {
    this.#size = size;
  }

  /** Where the turn of `account` is on the common clock, and how far one turn takes it. */
  turn(account: Account): { readonly atMs: number; readonly stepMs: number } {
    const { virtualMs, turnMs } = this.#standing(account);
    return { atMs: virtualMs, stepMs: turnMs / account.weight };
  }

  /** To be called when an account that wanted nothing wants a worker: what it left unused is gone. */
  arrives(account: Account): void {
    const standing = this.#standing(account);
    standing.virtualMs = Math.max(standing.virtualMs, this.#nowMs);
  }

  /** A turn begins. Gives what is to be called once, when it has ended, with the CPU time that it took. */
  begins(account: Account): (cpuMs: number) => void {
    const standing = this.#standing(account);
    const expectedMs = standing.turnMs;
    this.#nowMs = Math.max(this.#nowMs, standing.virtualMs);
    standing.virtualMs += expectedMs / account.weight;
    return (cpuMs) => {
      const most = this.#nowMs + MAX_DEBT_MS / account.weight;
      standing.virtualMs = Math.min(standing.virtualMs + (cpuMs - expectedMs) / account.weight, most);
      standing.turnMs += SMOOTHING * (cpuMs - standing.turnMs);
      standing.seenAt = performance.now();
    };
  }

  /**
   * Whether `account` may take one more worker when accounts have as many as `held` says: it is within its share, or
   * what is left is enough for the shares of the others.
   */
  mayTake(account: Account, held: ReadonlyMap<string, number>): boolean {
    const lately = performance.now() - KEEP_MS;
    this.#standing(account).seenAt = performance.now();
    const active = [...this.#standings.values()].filter(
      ({ seenAt, account: { id } }) => seenAt > lately || held.has(id),
    );
    const totalWeight = active.reduce((sum, { account: { weight } }) => sum + weight, 0);
    const missing = ({ id, weight }: Account): number =>
      Math.max(0, Math.max(1, Math.floor((this.#size * weight) / totalWeight)) - (held.get(id) ?? 0));
    if (missing(account) > 0) return true;
    const owed = active.reduce((sum, other) => sum + missing(other.account), 0);
    const taken = [...held.values()].reduce((sum, count) => sum + count, 0);
    return owed === 0 || taken + owed < this.#size;
  }

  #standing(account: Account): Standing {
    let standing = this.#standings.get(account.id);
    if (!standing) {
      standing = { account, virtualMs: this.#nowMs, turnMs: FIRST_TURN_MS, seenAt: -Infinity };
      this.#standings.set(account.id, standing);
    }
    return standing;
  }
}
