import type { Outcome, RunBudgets, RunFailureType } from "@codemode/client";

/** How a program may end: well, with a failure, or not even begun because it was refused. */
export type End = "ok" | "refused" | RunFailureType;

/** A program that means harm, and what must come of it. */
export interface HostileCase {
  readonly code: string;
  /** The first is how it should end; the others are right as well. */
  readonly ends: readonly End[];
  /** What it must return, where it ends well. */
  readonly value?: unknown;
  /** What else must hold. Throws where it does not. */
  readonly check?: (outcome: Outcome) => void;
  /** Runs of it, one after the other. One when absent. */
  readonly times?: number;
  /** Where they are not those of all. */
  readonly budgets?: Partial<RunBudgets>;
  readonly why?: string;
}
