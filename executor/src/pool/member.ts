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
}

/** True for a worker that is new; one that prepares another isolate has a tenant. */
export function isStarting(member: Member): boolean {
  return member.state.kind === "warming" && !member.wasReady;
}
