import { constants, type Http2Session, type ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import type { Server } from "@grpc/grpc-js";
import { type Account, Quota } from "../pool/quota.ts";
import { http2Servers } from "./grpc-internals.ts";
import { Handshakes } from "./handshakes.ts";
import { TokenBucket } from "./token-bucket.ts";

const MAX_KNOWN = 384; // with twice as many at worst (Quota) and all strangers, below the usual 1,024 descriptors
const MAX_STRANGERS = 128;
const SPEAK_WITHIN_MS = 5_000; // HTTP/2 begins with settings
const MAX_FAILURES = 100; // wrong keys on one connection
const SWEEP_MS = 5_000; // what a connection may take to end: one that ends by itself takes no time
const PINGS = { perSecond: 10, burst: 100 }; // gRPC stacks ping every few seconds, and some to measure the line

/**
 * The connections of a server. One whose peer has yet to present a key is a stranger: there is room for some, and the one
 * that came first goes when another comes, so strangers keep out nobody who has a key. grpc-js bounds the life of a
 * connection that is idle, silent or old; what it has no bound for is bounded here.
 */
export class Connections implements Disposable {
  readonly #open = new Map<Http2Session, Socket>();
  /** Those that were to end when they were last looked at. */
  readonly #ending = new WeakSet<Http2Session>();
  readonly #sweeps = setInterval(() => this.#sweep(), SWEEP_MS).unref();
  readonly #strangers = new Set<Http2Session>();
  readonly #failures = new WeakMap<Http2Session, number>();
  readonly #handshakes = new Handshakes();
  readonly #known: Quota;

  /** `totalWeight` is that of all accounts that there are. */
  constructor(totalWeight: number) {
    this.#known = new Quota(MAX_KNOWN, totalWeight);
  }

  /** Looks after the connections of a server that is bound. */
  guard(server: Server): void {
    for (const below of http2Servers(server)) {
      this.#handshakes.guard(below);
      below.on("session", (session) => this.#greet(session));
    }
  }

  /** The peer has presented the key of `account`. Ends the connection when that has enough of them. */
  known(session: Http2Session | undefined, account: Account): void {
    if (!session || !this.#strangers.delete(session)) return;
    const socket = this.#open.get(session);
    if (socket && this.#known.take(account, 1)) socket.once("close", () => this.#known.give(account, 1));
    else expel(session);
  }

  /** The peer has presented a wrong key. */
  failed(session: Http2Session | undefined): void {
    if (!session) return;
    const failures = (this.#failures.get(session) ?? 0) + 1;
    this.#failures.set(session, failures);
    if (failures >= MAX_FAILURES) expel(session);
  }

  /** Ends every connection, whatever is open on it. */
  [Symbol.dispose](): void {
    clearInterval(this.#sweeps);
    this.#handshakes[Symbol.dispose]();
    for (const [session, socket] of this.#open) {
      session.destroy();
      if (this.#ending.has(session)) socket.destroy();
    }
  }

  #greet(session: ServerHttp2Session): void {
    if (session.destroyed) return; // its socket is no longer to be had
    const socket = session.socket.on("error", () => {}); // unlike what `session.socket` is, what this returns can be destroyed
    this.#open.set(session, socket);
    this.#strangers.add(session);
    const [first] = this.#strangers;
    if (first && this.#strangers.size > MAX_STRANGERS) {
      this.#strangers.delete(first);
      expel(first);
    }
    const silent = setTimeout(() => session.destroy(), SPEAK_WITHIN_MS);
    session.once("remoteSettings", () => clearTimeout(silent));
    socket.once("close", () => {
      clearTimeout(silent);
      this.#open.delete(session);
      this.#strangers.delete(session);
    });
    const pings = new TokenBucket(PINGS);
    session.on("ping", () => {
      if (pings.take().waitMs > 0) expel(session);
    });
  }

  /**
   * Node ends the connection of a session that it has destroyed when its last words are written. Where a peer has reset a
   * connection over TLS they never are, and nobody hears of it: such a connection is ended here.
   */
  #sweep(): void {
    for (const [session, socket] of this.#open) {
      if (!session.destroyed) continue;
      if (this.#ending.has(session)) socket.destroy();
      this.#ending.add(session);
    }
  }
}

function expel(session: Http2Session): void {
  if (session.destroyed) return;
  session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  session.destroy();
}
