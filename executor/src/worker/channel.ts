import { readSync, writeSync } from "node:fs";
import { MAX_FRAME_BYTES, MAX_MANIFEST_BYTES, WorkerEvent, WorkerRequest } from "@codemode/proto/worker";

const CHANNEL = 3;

/**
 * The worker's only descriptor: frames of a 4-byte big-endian length and a protobuf message, read and written
 * synchronously, because the thread of this process is the thread of the run.
 */
export class Channel {
  readonly #header = Buffer.alloc(4);

  /** The next request; undefined when the edge is gone. Waits without using time. */
  read(): WorkerRequest | undefined {
    if (!this.#fill(this.#header)) return undefined;
    const length = this.#header.readUInt32BE();
    if (length > MAX_FRAME_BYTES + MAX_MANIFEST_BYTES) return undefined;
    const frame = Buffer.allocUnsafe(length);
    return this.#fill(frame) ? WorkerRequest.decode(frame) : undefined;
  }

  /** Writes one event; waits while the edge does not read. */
  write(event: NonNullable<WorkerEvent["event"]>): void {
    const message = WorkerEvent.encode({ event }).finish();
    const frame = Buffer.allocUnsafe(4 + message.length);
    frame.writeUInt32BE(message.length);
    frame.set(message, 4);
    for (let at = 0; at < frame.length;) at += writeSync(CHANNEL, frame, at);
  }

  #fill(buffer: Buffer): boolean {
    for (let at = 0; at < buffer.length;) {
      const count = readSync(CHANNEL, buffer, at, buffer.length - at, null);
      if (count === 0) return false;
      at += count;
    }
    return true;
  }
}
