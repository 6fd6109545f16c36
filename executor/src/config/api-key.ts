import { createHash } from "node:crypto";
import type { BudgetCeilings } from "../session/budgets.ts";

/** Whom an executor serves, and how much. */
export interface ApiKey {
  /** What logs call it. */
  readonly id: string;
  /** SHA-256 of what callers present; two while a key is being replaced. */
  readonly hashes: readonly Buffer[];
  /** Its part of what is scarce, against the weights of the others. */
  readonly weight: number;
  /** Runs at a time, those that wait for a worker or for tools included. */
  readonly maxRuns: number;
  /** Runs that may begin, further attempts at one included; no limit when absent. */
  readonly rate?: Rate | undefined;
  /** What a run may ask for, where that is less than the executor's own ceilings. */
  readonly budgets: BudgetCeilings;
}

/** How often something may happen: `burst` times at once, and `perSecond` times a second from then on. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** A key that has no limits of its own. */
export function soleKey(secret: string): ApiKey {
  return { ...ANYBODY, id: "default", hashes: [keyHash(secret)] };
}

/** Stands for all callers of an executor that asks for no key. */
export const ANYBODY: ApiKey = { id: "anybody", hashes: [], weight: 1, maxRuns: Infinity, budgets: {} };

export function keyHash(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}
