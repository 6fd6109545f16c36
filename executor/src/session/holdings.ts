import { BusyError } from "../pool/busy.ts";
import { type Account, Quota } from "../pool/quota.ts";
import type { ComponentSet } from "./manifest.ts";

const RETRY_AFTER_MS = 1_000; // when a run may have ended

/**
 * What open runs have brought with them: code, context, config, components. It is there from Start to the end, wherever
 * the run waits, so it is bounded over all accounts, each within a share of its own (Quota).
 */
export class Holdings {
  readonly #quota: Quota;
  /** How many runs hold a set: those that name it by the same hash have one object between them. */
  readonly #runs = new Map<ComponentSet, number>();

  /** `totalWeight` is that of all accounts that there are. */
  constructor(maxBytes: number, totalWeight: number) {
    this.#quota = new Quota(maxBytes, totalWeight);
  }

  /** Held by all accounts. */
  get bytes(): number {
    return this.#quota.taken;
  }

  /** What one run of this account is going to hold. */
  open(account: Account): Holding {
    return new Holding(account, this.#quota, this.#runs);
  }
}

/** What one run holds, until it is disposed. Sets are not shared between accounts (KnownManifests). */
export class Holding implements Disposable {
  readonly #account: Account;
  readonly #quota: Quota;
  readonly #runs: Map<ComponentSet, number>;
  #bytes = 0;
  #set: ComponentSet | undefined;

  /** Made by Holdings. */
  constructor(account: Account, quota: Quota, runs: Map<ComponentSet, number>) {
    this.#account = account;
    this.#quota = quota;
    this.#runs = runs;
  }

  /** Throws a BusyError when there is no room for so much more. */
  take(bytes: number): void {
    this.#reserve(bytes);
    this.#bytes += bytes;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
    this.#quota.give(this.#account, bytes);
  }

  /** The set of this run, once. Counted with the first run that has it. Throws a BusyError. */
  share(set: ComponentSet): void {
    const runs = this.#runs.get(set) ?? 0;
    if (runs === 0) this.#reserve(set.bytes);
    this.#runs.set(set, runs + 1);
    this.#set = set;
  }

  [Symbol.dispose](): void {
    this.give(this.#bytes);
    const set = this.#set;
    if (!set) return;
    this.#set = undefined;
    const runs = (this.#runs.get(set) ?? 1) - 1;
    if (runs > 0) this.#runs.set(set, runs);
    else {
      this.#runs.delete(set);
      this.#quota.give(this.#account, set.bytes);
    }
  }

  #reserve(bytes: number): void {
    if (this.#quota.take(this.#account, bytes)) return;
    throw new BusyError("Cannot take one more run: those that are open hold too much", RETRY_AFTER_MS);
  }
}
