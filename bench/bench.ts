import type { Peers } from "./peers.ts";

/** What figures are measured with. */
export interface Bench {
  readonly peers: Peers;
  /** Ways between an app and its executor: a new place to listen at each time. */
  readonly sockets: readonly [Socket, ...Socket[]];
  readonly rounds: number;
}

export interface Socket {
  readonly kind: "unix socket" | "TCP";
  readonly listen: () => string;
}
