import { constants } from "node:http2";
import type { Call } from "./execute.ts";
import { http2Stream } from "./grpc-internals.ts";

export interface OutboxLimits {
  /** How long a peer may take to read the end of a stream. */
  readonly flushMs: number;
  /** Bytes of ends, over all streams, that may wait to be read. Over it the oldest are given up. */
  readonly maxBytes: number;
}

const MIB = 1024 * 1024;
const LIMITS: OutboxLimits = { flushMs: 5_000, maxBytes: 64 * MIB };
const STREAM_BYTES = 16 * 1024; // what a stream takes that has nothing to deliver

/**
 * Streams that we have ended and whose peers have yet to read it. A peer that never does would keep its result in
 * memory for as long as its connection lives: it gets `flushMs`, then its stream is reset.
 */
export class Outbox {
  readonly #limits: OutboxLimits;
  /** In the order in which they ended. */
  readonly #waiting = new Map<Call, { readonly bytes: number; readonly due: NodeJS.Timeout }>();
  #bytes = 0;

  constructor(limits: OutboxLimits = LIMITS) {
    this.#limits = limits;
  }

  /** Takes a call that has just ended, with `resultBytes` that it still has to deliver. */
  add(call: Call, resultBytes: number): void {
    const stream = http2Stream(call);
    if (stream.destroyed) return;
    const bytes = STREAM_BYTES + resultBytes;
    const due = setTimeout(() => this.#giveUp(call), this.#limits.flushMs);
    this.#waiting.set(call, { bytes, due });
    this.#bytes += bytes;
    // Not what grpc-js says: when it refuses a message while we write one, it ends the call and leaves the stream open.
    stream.once("close", () => this.#forget(call));
    for (const [oldest] of this.#waiting) {
      if (this.#bytes <= this.#limits.maxBytes) return;
      this.#giveUp(oldest);
    }
  }

  #giveUp(call: Call): void {
    this.#forget(call);
    http2Stream(call).close(constants.NGHTTP2_ENHANCE_YOUR_CALM); // RESOURCE_EXHAUSTED, to gRPC
  }

  #forget(call: Call): void {
    const entry = this.#waiting.get(call);
    if (!entry) return;
    clearTimeout(entry.due);
    this.#waiting.delete(call);
    this.#bytes -= entry.bytes;
  }
}
