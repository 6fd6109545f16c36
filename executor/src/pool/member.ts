import type { Lease } from "./lease.ts";
import type { Account } from "./quota.ts";
import type { WorkerProcess } from "./worker-process.ts";

/** What a pool does with a worker. Lent until its lease gives it back; dying until it is buried and replaced. */
type State =
  | { readonly kind: "warming"; readonly due: NodeJS.Timeout }
  | { readonly kind: "idle" }
  | { readonly kind: "lent"; readonly lease: Lease; readonly account: Account }
  | { readonly kind: "dying" };

/** A worker of a pool. */
export interface Member {
  readonly worker: WorkerProcess;
  state: State;
  wasReady: boolean;
  /** Another one was started in its place when it was lent. */
  isReplaced: boolean;
}

/** True for a worker that will be fit for any tenant: a new one; one that dies is as good as its replacement. */
export function isComing({ state, wasReady, isReplaced }: Member): boolean {
  return state.kind === "warming" ? !wasReady : state.kind === "dying" && !isReplaced;
}
