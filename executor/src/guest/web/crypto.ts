import { sha1 } from "@noble/hashes/legacy.js";
import { sha256, sha384, sha512 } from "@noble/hashes/sha2.js";
import { primordials } from "@codemode/proto/values";
import { randomWords } from "../clock.ts";
import type { RunSettings } from "../host.ts";
import { DOMException } from "./dom-exception.ts";
import { toDictionary, toText } from "./web-idl.ts";

const MAX_RANDOM_BYTES = 65_536; // as the standard has it
const STREAM = 0x63727970; // any number but that of Math.random, so that neither moves the other

const digests = { "SHA-1": sha1, "SHA-256": sha256, "SHA-384": sha384, "SHA-512": sha512 };
const { typedArrayTag, typedArrayBuffer, typedArrayByteOffset } = primordials;
const byteLength = (view: ArrayBufferView): number => view.byteLength;

let nextWord: () => number;
let mayConstruct = true;

/** Makes all random numbers a function of the run's seed. */
export function installCrypto(settings: RunSettings): void {
  nextWord = () => (nextWord = randomWords(settings.seed, STREAM))();
}

class SubtleCrypto {
  constructor() {
    if (!mayConstruct) throw new TypeError("Illegal constructor");
  }

  /** Hashes a copy of `data`. */
  async digest(algorithm: unknown, data: unknown): Promise<ArrayBuffer> {
    if (arguments.length < 2) throw new TypeError("digest needs an algorithm and data");
    const { name } = (typeof algorithm === "object" ? toDictionary(algorithm) : { name: algorithm }) as {
      name: unknown;
    };
    if (name === undefined) throw new TypeError("The algorithm has no name");
    const key = toText(name).toUpperCase() as keyof typeof digests;
    const bytes = bytesOf(data);
    if (!Object.hasOwn(digests, key)) throw new DOMException("Unrecognized algorithm name", "NotSupportedError");
    return digests[key](bytes).slice().buffer;
  }
}

/** Not for secrets: the same seed gives the same numbers, so that a run can be repeated, and whoever has it has them. */
class Crypto {
  readonly #subtle = new SubtleCrypto();

  constructor() {
    if (!mayConstruct) throw new TypeError("Illegal constructor");
  }

  get subtle(): SubtleCrypto {
    return this.#subtle;
  }

  getRandomValues<View>(view: View): View {
    void this.#subtle;
    const tag = typedArrayTag(view);
    if (!ArrayBuffer.isView(view)) throw new TypeError("getRandomValues needs a typed array of integers");
    if (tag === undefined || tag.startsWith("Float")) {
      throw new DOMException("The data argument must be an integer-type TypedArray", "TypeMismatchError");
    }
    const length = byteLength(view);
    if (length > MAX_RANDOM_BYTES) {
      const message = `The requested length exceeds ${MAX_RANDOM_BYTES} bytes`;
      throw new DOMException(message, "QuotaExceededError");
    }
    fill(new Uint8Array(typedArrayBuffer(view), typedArrayByteOffset(view), length));
    return view;
  }

  randomUUID(): string {
    void this.#subtle;
    const bytes = fill(new Uint8Array(16));
    bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40; // version 4
    bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80; // variant of RFC 9562
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  }
}

export const crypto = new Crypto();
mayConstruct = false;
export { Crypto, SubtleCrypto };

function fill(bytes: Uint8Array): Uint8Array {
  for (let at = 0; at < bytes.length; at += 4) {
    const word = nextWord();
    for (let byte = 0; byte < 4 && at + byte < bytes.length; byte++) bytes[at + byte] = word >>> (byte * 8);
  }
  return bytes;
}

function bytesOf(data: unknown): Uint8Array {
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
  try {
    primordials.bufferByteLength(data);
  } catch {
    throw new TypeError("The data is neither an ArrayBuffer nor a view on one");
  }
  return new Uint8Array(data as ArrayBuffer).slice();
}
