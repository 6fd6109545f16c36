import { MAX_FRAME_BYTES } from "@codemode/proto/worker";

const HEADER_BYTES = 4;

/** `body` behind its length, as it goes over a worker's channel. */
export function frame(body: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(HEADER_BYTES + body.length);
  framed.writeUInt32BE(body.length, 0);
  framed.set(body, HEADER_BYTES);
  return framed;
}

/**
 * Cuts a byte stream into frames. A length is judged as soon as its header is there, before anything of the frame is
 * kept: a worker that was taken over must not make the edge hold gigabytes.
 */
export class FrameReader {
  readonly #maxBytes: number;
  #chunks: Buffer[] = [];
  #size = 0;

  constructor(maxBytes: number = MAX_FRAME_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** The frames that `chunk` completes. Throws when a length is over the maximum; the reader is of no use then. */
  *push(chunk: Buffer): Generator<Buffer, void, undefined> {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    while (this.#size >= HEADER_BYTES) {
      const end = HEADER_BYTES + this.#bodyBytes();
      if (this.#size < end) return;
      const bytes = this.#joined();
      this.#chunks = bytes.length > end ? [bytes.subarray(end)] : [];
      this.#size = bytes.length - end;
      yield bytes.subarray(HEADER_BYTES, end);
    }
  }

  #bodyBytes(): number {
    const [first] = this.#chunks;
    const head = first !== undefined && first.length >= HEADER_BYTES ? first : this.#joined();
    const length = head.readUInt32BE(0);
    if (length > this.#maxBytes) throw new RangeError(`Frame of ${length} bytes is over ${this.#maxBytes}`);
    return length;
  }

  /** One chunk is not copied: it may hold thousands of frames, and is what is left of it for each. */
  #joined(): Buffer {
    const [first] = this.#chunks;
    if (first && this.#chunks.length === 1) return first;
    const bytes = Buffer.concat(this.#chunks, this.#size);
    this.#chunks = [bytes];
    return bytes;
  }
}
