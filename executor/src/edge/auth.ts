import { createHash, timingSafeEqual } from "node:crypto";
import { type Metadata, type ServerInterceptor, ServerInterceptingCall, status } from "@grpc/grpc-js";

const MAX_HEADER_CHARS = 512;
const OPEN = "/grpc.health.v1.Health/"; // probes have no key
const BEARER = /^Bearer ([\x21-\x7e]+)$/i;

/** Lets a call pass that presents `apiKey`. Others end before a message of theirs is looked at. */
export function requireBearer(apiKey: string): ServerInterceptor {
  const expected = digest(apiKey);
  return (method, call) =>
    new ServerInterceptingCall(call, {
      start(next) {
        next({
          onReceiveMetadata(metadata, pass) {
            if (method.path.startsWith(OPEN) || presents(metadata, expected)) pass(metadata);
            // Not passing the metadata on keeps the handler from starting and every message waiting.
            else
              call.sendStatus({
                code: status.UNAUTHENTICATED,
                details: "Cannot serve this call: its key is missing or wrong",
              });
          },
        });
      },
    });
}

/** Digests are compared, so neither time nor length tells about the key. */
function presents(metadata: Metadata, expected: Buffer): boolean {
  const values = metadata.get("authorization");
  const [header] = values;
  if (values.length !== 1 || typeof header !== "string" || header.length > MAX_HEADER_CHARS) return false;
  const presented = BEARER.exec(header)?.[1];
  return presented !== undefined && timingSafeEqual(digest(presented), expected);
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
