import type { IncomingMessage } from "node:http";
import { pipeline, Readable, type Transform } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from "node:zlib";
import { fetchError } from "./fetch-error.ts";

const DECODERS: Readonly<Record<string, (first: Buffer) => Transform>> = {
  br: () => createBrotliDecompress(),
  // With the header of zlib, as it should be, or without one, as some servers have it.
  deflate: ([byte = 0]) => ((byte & 0x0f) === 8 ? createInflate() : createInflateRaw()),
  gzip: () => createGunzip(),
  "x-gzip": () => createGunzip(),
};

/** Reads the body of a response, of at most `maxBytes`, unpacked: some servers pack what nobody has asked them to. */
export async function readBody(
  response: IncomingMessage,
  method: string,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Buffer> {
  const { statusCode = 0, headers } = response;
  // What the headers say of a body is then what another answer would have.
  if (method === "HEAD" || statusCode < 200 || statusCode === 204 || statusCode === 304) {
    response.destroy();
    return Buffer.alloc(0);
  }
  const tooLarge = () => fetchError("TOO_LARGE", `the response has more than ${maxBytes} bytes`);
  const encoding = headers["content-encoding"]?.trim().toLowerCase() ?? "identity";
  const decoderFor = Object.hasOwn(DECODERS, encoding) ? DECODERS[encoding] : undefined;
  if (!decoderFor && Number(headers["content-length"]) > maxBytes) {
    response.destroy();
    throw tooLarge();
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  let stream: Readable = response;
  try {
    if (decoderFor) stream = await unpacked(response, decoderFor);
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw tooLarge();
      chunks.push(chunk);
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason as Error;
    if (bytes > maxBytes) throw error;
    throw fetchError("FAILED", "the response broke off", true);
  } finally {
    response.destroy();
    stream.destroy();
  }
  return Buffer.concat(chunks);
}

/** `response` through the decoder for what it begins with. No bytes at all are packed as none. */
async function unpacked(response: IncomingMessage, decoderFor: (first: Buffer) => Transform): Promise<Readable> {
  const chunks = response[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const first = await chunks.next();
  if (first.done === true) return Readable.from([]);
  const all = async function* () {
    yield first.value;
    yield* { [Symbol.asyncIterator]: () => chunks };
  };
  return pipeline(Readable.from(all()), decoderFor(first.value), () => {}); // whoever reads it is told how it ends
}
