// As much of HTTP/2 (RFC 9113) as it takes to speak it wrongly.

import { ExecutorMessage } from "@codemode/proto";

export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
export const FRAME_HEADER_BYTES = 9;
const GRPC_PREFIX_BYTES = 5;
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

/** What the other side sends: the messages of each stream, and which streams it has ended. */
export class Answers {
  readonly ended = new Set<number>();
  readonly #said = new Map<number, string[]>();
  readonly #messages = new Map<number, Buffer>();
  #bytes: Buffer = Buffer.alloc(0);

  /** The kinds of the messages of a stream. Of a run that has failed the last is "failed". */
  said(stream: number): readonly string[] {
    return this.#said.get(stream) ?? [];
  }

  push(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    for (;;) {
      if (this.#bytes.length < FRAME_HEADER_BYTES) return;
      const end = FRAME_HEADER_BYTES + this.#bytes.readUIntBE(0, 3);
      if (this.#bytes.length < end) return;
      const [type = 0, flags = 0] = this.#bytes.subarray(3, 5);
      const stream = this.#bytes.readUInt32BE(5) & 0x7fff_ffff;
      if (type === FRAME.data) this.#hear(stream, this.#bytes.subarray(FRAME_HEADER_BYTES, end));
      const isLast = type === FRAME.reset || (type <= FRAME.headers && (flags & FLAG.endStream) !== 0);
      if (isLast) this.ended.add(stream);
      this.#bytes = this.#bytes.subarray(end);
    }
  }

  #hear(stream: number, data: Buffer): void {
    let bytes = Buffer.concat([this.#messages.get(stream) ?? Buffer.alloc(0), data]);
    while (bytes.length >= GRPC_PREFIX_BYTES) {
      const end = GRPC_PREFIX_BYTES + bytes.readUInt32BE(1);
      if (bytes.length < end) break;
      const said = this.#said.get(stream) ?? [];
      this.#said.set(stream, [...said, kindOf(bytes.subarray(GRPC_PREFIX_BYTES, end))]);
      bytes = bytes.subarray(end);
    }
    this.#messages.set(stream, bytes);
  }
}

/** Of what GetInfo answers as well, which is none. */
function kindOf(message: Buffer): string {
  try {
    const { event } = ExecutorMessage.decode(message);
    return event?.$case === "finished" && event.value.result?.$case === "error" ? "failed" : (event?.$case ?? "");
  } catch {
    return "";
  }
}
