import { constants, type Http2Stream } from "node:http2";
import type { ServerDuplexStream } from "@grpc/grpc-js";
import type { ClientMessage, ExecutorMessage } from "@codemode/proto";

type Call = ServerDuplexStream<ClientMessage, ExecutorMessage>;

export interface OutboxLimits {
  /** How long a peer may take to read the end of a stream. */
  readonly flushMs: number;
  /** Bytes of ends, over all streams, that may wait to be read. Over it the oldest are given up. */
  readonly maxBytes: number;
}

const MIB = 1024 * 1024;
const LIMITS: OutboxLimits = { flushMs: 5_000, maxBytes: 64 * MIB };

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

  /** Streams that wait now. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Takes a call that has just ended, with `bytes` that it still has to deliver. */
  add(call: Call, bytes: number): void {
    const stream = streamOf(call);
    if (!stream || stream.destroyed) return;
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
    streamOf(call)?.close(constants.NGHTTP2_CANCEL);
  }

  #forget(call: Call): void {
    const entry = this.#waiting.get(call);
    if (!entry) return;
    clearTimeout(entry.due);
    this.#waiting.delete(call);
    this.#bytes -= entry.bytes;
  }
}

interface Inner {
  readonly nextCall?: Inner;
  readonly stream?: Http2Stream;
}

/** grpc-js has no way of its own to reset a stream; that this one still works is a test's matter. */
function streamOf(call: Call): Http2Stream | undefined {
  let inner = (call as unknown as { readonly call?: Inner }).call;
  while (inner?.nextCall) inner = inner.nextCall;
  return inner?.stream;
}
