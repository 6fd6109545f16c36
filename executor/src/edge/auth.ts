import { timingSafeEqual } from "node:crypto";
import { constants, type ServerHttp2Stream } from "node:http2";
import { type Metadata, type ServerInterceptor, ServerInterceptingCall, status } from "@grpc/grpc-js";
import { ANYBODY, type ApiKey, keyHash } from "../config/api-key.ts";
import type { Connections } from "./connections.ts";
import { http2Stream } from "./grpc-internals.ts";

const MAX_HEADER_CHARS = 512;
const OPEN = "/grpc.health.v1.Health/"; // probes have no key
const MAX_PROBES = 100; // those that watch stay
const BEARER = /^Bearer ([\x21-\x7e]+)$/i;

/** Knows who calls. Calls without a right key end before a message of theirs is looked at. */
export class Callers {
  readonly #keys: readonly ApiKey[];
  readonly #connections: Connections;
  readonly #refused: () => void;
  /** By the metadata of their calls, which handlers get too. */
  readonly #keyOf = new WeakMap<Metadata, ApiKey>();
  readonly #probes = new Set<ServerHttp2Stream>();

  /** Without `keys`, everybody is served. `refused` is told of each call without a right one. */
  constructor(keys: readonly ApiKey[], connections: Connections, refused: () => void) {
    this.#keys = keys;
    this.#connections = connections;
    this.#refused = refused;
  }

  /** The key of a call that was let pass. */
  keyOf({ metadata }: { readonly metadata: Metadata }): ApiKey {
    const key = this.#keyOf.get(metadata);
    if (!key) throw new Error("Cannot tell whose call this is");
    return key;
  }

  readonly interceptor: ServerInterceptor = (method, call) =>
    new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, pass) => {
            const stream = http2Stream(call);
            if (method.path.startsWith(OPEN)) {
              this.#probe(stream);
              return pass(metadata);
            }
            const key = this.#find(metadata);
            if (key) {
              this.#connections.known(stream.session, key);
              this.#keyOf.set(metadata, key);
              return pass(metadata);
            }
            // Not passing the metadata on keeps the handler from starting and every message unread.
            call.sendStatus({
              code: status.UNAUTHENTICATED,
              details: "Cannot serve this call: its key is missing or wrong",
            });
            stream.close(constants.NGHTTP2_NO_ERROR); // whatever the peer still wants to send
            this.#connections.failed(stream.session);
            this.#refused();
          },
        }),
    });

  /** Takes a call for health, which needs no key. When it is one too many, the connection that has most loses its first. */
  #probe(stream: ServerHttp2Stream): void {
    if (this.#probes.size >= MAX_PROBES) {
      const byConnection = [...Map.groupBy(this.#probes, ({ session }) => session).values()];
      const [first] = byConnection.reduce((most, some) => (some.length > most.length ? some : most));
      if (first) {
        this.#probes.delete(first); // "close" is not at once
        first.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
      }
    }
    this.#probes.add(stream);
    stream.once("close", () => this.#probes.delete(stream));
  }

  /** Digests are compared, and with every key, so that time tells nothing about any of them. */
  #find(metadata: Metadata): ApiKey | undefined {
    if (this.#keys.length === 0) return ANYBODY;
    const values = metadata.get("authorization");
    const [header] = values;
    if (values.length !== 1 || typeof header !== "string" || header.length > MAX_HEADER_CHARS) return undefined;
    const presented = BEARER.exec(header)?.[1];
    if (presented === undefined) return undefined;
    const hash = keyHash(presented);
    let found: ApiKey | undefined;
    for (const key of this.#keys) for (const known of key.hashes) if (timingSafeEqual(known, hash)) found = key;
    return found;
  }
}
