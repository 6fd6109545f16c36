import type { AbortSignal } from "./abort.ts";

/** What an AbortSignal is to those that wait for it. */
export interface SignalState {
  aborted: boolean;
  reason: unknown;
  /** What is to happen on abort, before the event. */
  readonly algorithms: Set<() => void>;
  /** Signals made of this one by `AbortSignal.any`. */
  readonly dependents: Set<AbortSignal>;
  /** Signals that this one was made of; none of them is itself made of others. */
  readonly sources: Set<AbortSignal>;
}

/** Of every AbortSignal. Apart from the class, because the class is an EventTarget, which has to know signals. */
export const signalStates = new WeakMap<object, SignalState>();
