import { once } from "node:events";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
  type Settings,
} from "node:http2";
import { connect as connectSocket, type Socket } from "node:net";
import { ClientMessage, type Start } from "@codemode/proto";
import { startOf } from "./executor-fixture.ts";

// gRPC as a peer speaks it that keeps to no rule: over Node's HTTP/2, and byte by byte.

const PATH = "/codemode.v1.ExecutorService/Execute";

/** How a stream ended: with a gRPC status, or with what gRPC makes of a reset. */
export interface End {
  readonly code: number;
  readonly details: string;
}

/** A session over a socket of an executor, `unix:…` or `host:port`. */
export function rawSession(address: string, settings: Settings = {}): ClientHttp2Session {
  const session = connect("http://localhost", { createConnection: () => rawSocket(address), settings });
  session.on("error", () => {}); // "close" follows
  return session;
}

export function rawSocket(address: string): Socket {
  const path = /^unix:(.*)$/.exec(address)?.[1];
  const [host, port] = address.split(":");
  const socket = path ? connectSocket(path) : connectSocket(Number(port), host);
  return socket.on("error", () => {});
}

/** A reset is an error as well, which is what is waited for here. */
export function closedSocket(socket: Socket): Promise<void> {
  return new Promise((resolve) => (socket.closed ? resolve() : socket.once("close", () => resolve())));
}

/** One call, not ended by us. */
export function rawCall(
  session: ClientHttp2Session,
  headers: Record<string, string | string[]> = {},
  endStream = false,
): ClientHttp2Stream {
  const all = { ":method": "POST", ":path": PATH, "content-type": "application/grpc", te: "trailers", ...headers };
  const stream = session.request(all, { endStream });
  stream.on("error", () => {}); // "close" follows
  return stream;
}

export function bearer(key: string): { readonly authorization: string } {
  return { authorization: `Bearer ${key}` };
}

/** A message with its five bytes in front. */
export function framed(message: Uint8Array, isCompressed = false): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(isCompressed ? 1 : 0);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

export function startMessage(code: string, start: Partial<Start> = {}): Buffer {
  return framed(ClientMessage.encode({ event: { $case: "start", value: startOf(code, start) } }).finish());
}

const STATUS_OF_RESET: Readonly<Record<number, number>> = {
  [constants.NGHTTP2_NO_ERROR]: 13,
  [constants.NGHTTP2_REFUSED_STREAM]: 14,
  [constants.NGHTTP2_CANCEL]: 1,
  [constants.NGHTTP2_ENHANCE_YOUR_CALM]: 8,
};
const INTERNAL = 13;
const UNAVAILABLE = 14;

/** The end of a call; what it says is read on the way. When its connection goes first it is UNAVAILABLE, as to every gRPC client. */
export function ended(stream: ClientHttp2Stream): Promise<End> {
  const { promise, resolve } = Promise.withResolvers<End>();
  const { session } = stream;
  const told = (headers: IncomingHttpHeaders): void => {
    const { "grpc-status": code, "grpc-message": details = "" } = headers;
    if (code !== undefined) resolve({ code: Number(code), details: decodeURI(String(details)) });
  };
  stream.on("response", told).on("trailers", told);
  const reset = (): void => {
    const { rstCode } = stream;
    if (session?.destroyed) resolve({ code: UNAVAILABLE, details: "the connection is gone" });
    else resolve({ code: STATUS_OF_RESET[rstCode ?? -1] ?? INTERNAL, details: `reset with ${rstCode}` });
  };
  if (stream.destroyed) reset();
  else stream.once("close", reset);
  stream.resume();
  return promise;
}

export const FRAME = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goaway: 7, windowUpdate: 8 } as const;

/** Flags of frames. */
export const [END_STREAM, END_HEADERS] = [1, 4] as const;

interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** An HTTP/2 connection whose frames are ours to make. */
export class RawConnection implements Disposable {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  readonly #seen: Frame[] = [];
  #rest: Buffer = Buffer.alloc(0);
  #onFrame = (): void => {};
  /** What may be sent, of the whole connection and of stream 1. */
  readonly #room = [65_535, 65_535];

  private constructor(socket: Socket) {
    this.socket = socket;
    this.closed = closedSocket(socket);
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
  }

  /** Says what a client says first. */
  static async open(address: string): Promise<RawConnection> {
    const socket = rawSocket(address);
    await once(socket, "connect");
    const connection = new RawConnection(socket);
    socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    connection.send(FRAME.settings, 0, 0);
    return connection;
  }

  send(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): boolean {
    return this.socket.write(frame(type, flags, stream, payload));
  }

  /** Opens stream 1 with literal headers. */
  open(headers: Readonly<Record<string, string>>, flags: number = END_HEADERS): void {
    const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
    const pairs = Object.entries(headers).map(([name, value]) =>
      Buffer.concat([Buffer.from([0]), text(name), text(value)]),
    );
    this.send(FRAME.headers, flags, 1, Buffer.concat(pairs));
  }

  /** Sends `bytes` on stream 1, one byte in each frame, as fast as the peer lets them in, until it has ended the stream. */
  async drip(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const count = Math.min(bytes.length - at, 8_192, ...this.#room);
      const isOver = ({ type, flags }: Frame): boolean =>
        type === FRAME.reset || (type === FRAME.headers && (flags & END_STREAM) !== 0);
      if (this.socket.closed || this.#seen.some(isOver)) return;
      if (count === 0) await Promise.race([this.#nextFrame(), this.closed]);
      const frames = Array.from(bytes.subarray(at, at + count), (byte) => frame(FRAME.data, 0, 1, Buffer.from([byte])));
      if (!this.socket.write(Buffer.concat(frames))) {
        await Promise.race([new Promise((resolve) => this.socket.once("drain", resolve)), this.closed]);
      }
      this.#room[0]! -= count;
      this.#room[1]! -= count;
      at += count;
    }
  }

  /** The first frame of this type, come or to come; undefined when the connection ends without it. */
  async frame(type: number): Promise<Frame | undefined> {
    for (;;) {
      const found = this.#seen.find((one) => one.type === type);
      if (found || this.socket.closed) return found;
      await Promise.race([this.#nextFrame(), this.closed]);
    }
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  #nextFrame(): Promise<void> {
    return new Promise((resolve) => (this.#onFrame = resolve));
  }

  #read(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 9) {
      const end = 9 + this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < end) break;
      const [type, flags] = [this.#rest[3]!, this.#rest[4]!];
      const one = { type, flags, stream: this.#rest.readUInt32BE(5), payload: this.#rest.subarray(9, end) };
      this.#rest = this.#rest.subarray(end);
      if (one.type === FRAME.windowUpdate) this.#room[one.stream === 0 ? 0 : 1]! += one.payload.readUInt32BE(0);
      this.#seen.push(one);
    }
    this.#onFrame();
  }
}

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}
