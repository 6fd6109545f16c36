import { MAX_FRAME_BYTES } from "@codemode/proto/worker";

const HEADER_BYTES = 4;
const NONE = Buffer.alloc(0);

/** `body` behind its length, as it goes over a worker's channel. It may go on, in a write of its own, with `rest`. */
export function frame(body: Uint8Array, rest: Uint8Array = NONE): Buffer {
  const framed = Buffer.allocUnsafe(HEADER_BYTES + body.length);
  framed.writeUInt32BE(body.length + rest.length, 0);
  framed.set(body, HEADER_BYTES);
  return framed;
}

/**
 * Cuts a byte stream into frames. A length is judged as soon as its header is there: a worker that was taken over must not
 * make the edge hold gigabytes.
 */
export class FrameReader {
  readonly #maxBytes: number;
  /** The beginning of a header. */
  #header: Buffer = NONE;
  /** The frame that is not whole yet, where it is going to be, so that no chunk waits for the last. */
  #frame: { readonly body: Buffer; filled: number } | undefined;

  constructor(maxBytes: number = MAX_FRAME_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** The frames that `chunk` completes. Throws when a length is over the maximum; the reader is of no use then. */
  *push(chunk: Buffer): Generator<Buffer, void, undefined> {
    let rest = this.#fill(chunk);
    if (this.#frame) {
      if (this.#frame.filled < this.#frame.body.length) return;
      const { body } = this.#frame;
      this.#frame = undefined;
      yield body;
    }
    if (this.#header.length > 0) rest = Buffer.concat([this.#header, rest]);
    for (; rest.length >= HEADER_BYTES;) {
      const end = HEADER_BYTES + this.#judged(rest.readUInt32BE(0));
      if (rest.length < end) {
        this.#frame = { body: Buffer.allocUnsafe(end - HEADER_BYTES), filled: 0 };
        this.#header = NONE;
        this.#fill(rest.subarray(HEADER_BYTES));
        return;
      }
      yield rest.subarray(HEADER_BYTES, end); // not copied: a chunk may hold thousands
      rest = rest.subarray(end);
    }
    this.#header = Buffer.from(rest);
  }

  /** Gives what is left of `chunk` when the frame has what it lacks. */
  #fill(chunk: Buffer): Buffer {
    if (!this.#frame) return chunk;
    const count = chunk.copy(this.#frame.body, this.#frame.filled);
    this.#frame.filled += count;
    return chunk.subarray(count);
  }

  #judged(length: number): number {
    if (length > this.#maxBytes) throw new RangeError(`Frame of ${length} bytes is over ${this.#maxBytes}`);
    return length;
  }
}
