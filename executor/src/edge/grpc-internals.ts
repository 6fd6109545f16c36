// What the edge needs of grpc-js that grpc-js keeps to itself: how to reset a stream, how its messages are packed, the last of
// them, and who is at the other end of a connection. That it is still where it was is a test's matter.
import type { Http2Server, ServerHttp2Stream } from "node:http2";
import type { Server } from "@grpc/grpc-js";

interface Inner {
  readonly call?: Inner;
  readonly nextCall?: Inner;
  readonly stream?: ServerHttp2Stream;
}

interface Innermost {
  readonly stream: ServerHttp2Stream;
  readonly incomingEncoding?: string;
  readonly decoder?: Decoder;
}

/** Puts the messages of a stream together. */
interface Decoder {
  /** 0 between two messages. */
  readonly readState: number;
  /** Parts of the message, and the byte before them: views of what came from the socket. */
  readPartialMessage: Buffer[];
  readCompressFlag: Buffer;
}

/** The HTTP/2 stream of a call, as a handler or an interceptor has it. */
export function http2Stream(call: object): ServerHttp2Stream {
  return innermost(call).stream;
}

/** Whether the peer may compress the messages of a call. */
export function isCompressed(call: object): boolean {
  const { incomingEncoding } = innermost(call);
  if (incomingEncoding === undefined) throw new Error("grpc-js has no encoding of messages where it had one");
  return incomingEncoding !== "identity";
}

/**
 * Lets go of the message that has come last. It would be kept until the next begins: up to 4 MiB, for each run that only waits,
 * of which nobody knows.
 */
export function forgetMessage(call: object): void {
  const { decoder } = innermost(call);
  if (!decoder?.readPartialMessage) throw new Error("grpc-js has no decoder of messages where it had one");
  if (decoder.readState !== 0) return; // it is at the next one, which has taken the place of the last
  decoder.readPartialMessage = [];
  decoder.readCompressFlag = Buffer.alloc(1);
}

function innermost(call: object): Innermost {
  let inner: Inner | undefined = call;
  while (inner && !inner.stream) inner = inner.call ?? inner.nextCall;
  if (!inner) throw new Error("grpc-js has no HTTP/2 stream where it had one");
  return inner as Innermost;
}

/** The HTTP/2 servers below a gRPC server that is bound: one for each address that its name stands for. */
export function http2Servers(server: Server): readonly Http2Server[] {
  const { http2Servers: found } = server as unknown as { readonly http2Servers: ReadonlyMap<Http2Server, unknown> };
  if (found.size === 0) throw new Error("grpc-js has no HTTP/2 server where it had one");
  return [...found.keys()];
}
