import { MalformedValueError } from "./errors.ts";
import { primordials } from "./primordials.ts";

// V8 hashes the numbers in a Map or Set without a seed, so anybody can choose some that all fall into one bucket:
// 3 MiB of them would hold an app up for minutes. Which bucket is found out beforehand, by V8's own functions
// (src/numbers/hash-seed, ComputeUnseededHash and ComputeLongHash). Should V8 change them, this does no harm, and
// tests/values-hostile.test.ts tells.

const { bigintAsUintN, Number, Uint32Array, MathImul, MathFloor, clz32 } = primordials;

const SMALL = 1024; // fewer keys cost little however they fall
const SLACK = 100; // comparisons per key; keys that nobody has chosen take two

const float = new Float64Array(1);
const words = new Uint32Array(float.buffer);

/** Counts how the numbers among the keys of one Map or Set fall into its buckets. */
export class Buckets {
  readonly #sizes: Uint32Array | undefined;
  #allowed: number;

  constructor(keys: number) {
    this.#sizes = keys < SMALL ? undefined : new Uint32Array(2 ** (31 - clz32(keys)));
    this.#allowed = SLACK * keys;
  }

  add(key: unknown): void {
    if (!this.#sizes || (typeof key !== "number" && typeof key !== "bigint")) return;
    const bucket = hash(key) & (primordials.typedArrayLength(this.#sizes) - 1);
    const size = this.#sizes[bucket] as number;
    this.#sizes[bucket] = size + 1;
    this.#allowed -= size;
    if (this.#allowed < 0)
      throw new MalformedValueError("The text has numbers that were chosen to fill one hash bucket");
  }
}

function hash(key: number | bigint): number {
  if (typeof key === "bigint") {
    const digit = bigintAsUintN(64, key < 0n ? -key : key);
    return hash64(Number(digit >> 32n), Number(digit & 0xffffffffn));
  }
  if ((key | 0) === key) return hash32(key);
  float[0] = key;
  return hash64(words[1] as number, words[0] as number);
}

function hash32(key: number): number {
  let hash = (~key + (key << 15)) | 0;
  hash ^= hash >>> 12;
  hash = (hash + (hash << 2)) | 0;
  hash ^= hash >>> 4;
  hash = MathImul(hash, 2057);
  return hash ^ (hash >>> 16);
}

/** Of 64 bits in two words, of which only the lower one counts in the end. */
function hash64(high: number, low: number): number {
  // hash = ~hash + (hash << 18), that is hash * (2 ** 18 - 1) - 1
  const product = low * 0x3ffff - 1;
  let h = (MathImul(high, 0x3ffff) + MathFloor(product / 0x100000000)) >>> 0;
  let l = product >>> 0;
  l = (l ^ ((h << 1) | (l >>> 31))) >>> 0; // hash ^= hash >> 31
  h = (h ^ (h >>> 31)) >>> 0;
  h = (MathImul(h, 21) + MathFloor((l * 21) / 0x100000000)) >>> 0;
  l = MathImul(l, 21) >>> 0;
  l = (l ^ ((h << 21) | (l >>> 11))) >>> 0; // hash ^= hash >> 11
  h = (h ^ (h >>> 11)) >>> 0;
  h = (MathImul(h, 65) + MathFloor((l * 65) / 0x100000000)) >>> 0; // hash += hash << 6
  l = MathImul(l, 65) >>> 0;
  return l ^ ((h << 10) | (l >>> 22)); // hash ^= hash >> 22
}
