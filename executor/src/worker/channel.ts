import { readSync, writeSync, writevSync } from "node:fs";
import { type Parts, partsOfCall, readLargeResult } from "@codemode/proto/messages";
import { MAX_FRAME_BYTES, MAX_MANIFEST_BYTES, WorkerEvent, WorkerRequest } from "@codemode/proto/worker";
import { now } from "./now.ts";

type Event = NonNullable<WorkerEvent["event"]>;

const CHANNEL = 3;
const HEADER_BYTES = 4;
const BOX_BYTES = 64 * 1024;
const SLOW_MS = 2; // a program that runs for longer between two words is not about to wait

/**
 * The worker's only descriptor: frames of a 4-byte big-endian length and a protobuf message, read and written
 * synchronously, because the thread of this process is the thread of the run. Each read and each write wakes somebody up,
 * so both take all that there is.
 */
export class Channel {
  readonly #inbox = Buffer.allocUnsafeSlow(BOX_BYTES);
  #from = 0;
  #to = 0;
  readonly #outbox = Buffer.allocUnsafeSlow(BOX_BYTES);
  #waiting = 0;
  /** When something was last read or written. */
  #lastAt = 0;

  /** The next request, whose large payloads are good until the next `read`; undefined when the edge is gone. Waits without using time. */
  read(): WorkerRequest | undefined {
    const header = this.#take(HEADER_BYTES);
    if (!header) return undefined;
    const length = header.readUInt32BE();
    if (length > MAX_FRAME_BYTES + MAX_MANIFEST_BYTES) return undefined;
    const frame = this.#take(length);
    this.#lastAt = now();
    return frame && decode(frame);
  }

  /** True when `read` has something to give without waiting. */
  get hasMore(): boolean {
    const here = this.#to - this.#from;
    return here >= HEADER_BYTES && here - HEADER_BYTES >= this.#inbox.readUInt32BE(this.#from);
  }

  /**
   * Writes one event; waits while the edge does not read. Calls wait for one that tells what the program does then, for
   * others, or for a call that comes some time later: what a program asks for goes out when it waits, as in Node. What it
   * shows goes out at once, because the process may be killed in the next moment.
   */
  write(event: Event): void {
    const large = event.$case === "call" ? partsOfCall(event.value) : undefined;
    if (large) return this.#writeLarge(large);
    const message = WorkerEvent.encode({ event }).finish();
    const bytes = HEADER_BYTES + message.length;
    if (this.#waiting + bytes > BOX_BYTES) this.#flush();
    const frame = bytes > BOX_BYTES ? Buffer.allocUnsafe(bytes) : this.#outbox.subarray(this.#waiting);
    frame.writeUInt32BE(message.length);
    frame.set(message, HEADER_BYTES);
    if (bytes > BOX_BYTES) return writeAll(frame);
    this.#waiting += bytes;
    const isCall = event.$case === "call" || event.$case === "callCancelled";
    if (!isCall || now() - this.#lastAt > SLOW_MS) this.#flush();
  }

  /** In one system call. */
  #writeLarge({ head, payload }: Parts): void {
    if (this.#waiting > 0) this.#flush();
    const begin = Buffer.allocUnsafe(HEADER_BYTES + head.length);
    begin.writeUInt32BE(head.length + payload.length);
    begin.set(head, HEADER_BYTES);
    const written = writevSync(CHANNEL, [begin, payload]);
    writeAll(begin.subarray(written));
    writeAll(payload.subarray(Math.max(0, written - begin.length)));
    this.#lastAt = now();
  }

  #flush(): void {
    writeAll(this.#outbox.subarray(0, this.#waiting));
    this.#waiting = 0;
    this.#lastAt = now();
  }

  /** The next `length` bytes, until the next call; undefined when the edge is gone. */
  #take(length: number): Buffer | undefined {
    if (length > BOX_BYTES) return this.#takeLong(length);
    if (this.#from + length > BOX_BYTES) {
      this.#inbox.copyWithin(0, this.#from, this.#to);
      this.#to -= this.#from;
      this.#from = 0;
    }
    while (this.#to - this.#from < length) {
      const count = readSync(CHANNEL, this.#inbox, this.#to, BOX_BYTES - this.#to, null);
      if (count === 0) return undefined;
      this.#to += count;
    }
    this.#from += length;
    return this.#inbox.subarray(this.#from - length, this.#from);
  }

  #takeLong(length: number): Buffer | undefined {
    const bytes = Buffer.allocUnsafe(length);
    let filled = this.#inbox.copy(bytes, 0, this.#from, this.#to);
    this.#from = this.#to = 0;
    while (filled < length) {
      const count = readSync(CHANNEL, bytes, filled, length - filled, null);
      if (count === 0) return undefined;
      filled += count;
    }
    return bytes;
  }
}

function writeAll(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(CHANNEL, bytes, at);
}

function decode(frame: Buffer): WorkerRequest {
  const large = readLargeResult(frame);
  return large ? { request: { $case: "settle", value: large } } : WorkerRequest.decode(frame);
}
