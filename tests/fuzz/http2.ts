// As much of HTTP/2 (RFC 9113) as it takes to speak it wrongly.

export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
export const FRAME_HEADER_BYTES = 9;
export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;
export const FLAG = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 32 } as const;

/** A frame. `length` may lie. */
export function frame(type: number, flags: number, stream: number, payload: Buffer, length = payload.length): Buffer {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUIntBE(length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(stream >>> 0, 5);
  return Buffer.concat([header, payload]);
}

/** A header block that uses no table and no compression. */
export function headerBlock(fields: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, "latin1");
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const rest = bytes.length - 127;
  return Buffer.concat([Buffer.from([127, ...(rest < 128 ? [rest] : [(rest & 127) | 128, rest >> 7])]), bytes]);
}

/** Tells which streams the other side has ended, from what it sends. */
export class Ends {
  readonly streams = new Set<number>();
  #bytes = Buffer.alloc(0);

  push(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    for (;;) {
      if (this.#bytes.length < FRAME_HEADER_BYTES) return;
      const end = FRAME_HEADER_BYTES + this.#bytes.readUIntBE(0, 3);
      if (this.#bytes.length < end) return;
      const [type = 0, flags = 0] = this.#bytes.subarray(3, 5);
      const isLast = type === FRAME.reset || (type <= FRAME.headers && (flags & FLAG.endStream) !== 0);
      if (isLast) this.streams.add(this.#bytes.readUInt32BE(5) & 0x7fff_ffff);
      this.#bytes = this.#bytes.subarray(end);
    }
  }
}
