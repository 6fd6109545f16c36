import type { Peers } from "./peers.ts";

/** What figures are measured with. */
export interface Bench {
  /** Absent where only floors count. */
  readonly peers: Peers | undefined;
  /** Ways between an app and its executor: a new place to listen at each time. */
  readonly sockets: readonly [Socket, ...Socket[]];
  readonly rounds: number;
  /** Runs that an executor has behind it when it is asked whether it has become slower. */
  readonly age: number;
}

export interface Socket {
  readonly kind: "unix socket" | "TCP";
  readonly listen: () => string;
}
