import type { ApiKey } from "../config/api-key.ts";
import { BusyError } from "../pool/busy.ts";
import { Quota } from "../pool/quota.ts";
import { TokenBucket } from "./token-bucket.ts";

const AGAIN_AFTER_MS = 1_000; // when a run may have ended

/** Who may open one more Execute stream, before anything of it is read. */
export class Admission {
  readonly #streams: Quota;
  readonly #open = new Map<ApiKey, number>();
  readonly #rates = new Map<ApiKey, TokenBucket>();

  /** For `maxStreams` streams of callers whose weights are `totalWeight` together. */
  constructor(maxStreams: number, totalWeight: number) {
    this.#streams = new Quota(maxStreams, totalWeight);
  }

  /** Takes a stream, to be given back by calling what is returned. Throws a BusyError. */
  admit(key: ApiKey): () => void {
    const open = this.#open.get(key) ?? 0;
    if (open >= key.maxRuns) throw busy(`this key has ${open} already`, AGAIN_AFTER_MS);
    if (!this.#streams.take(key, 1)) throw busy("all streams are taken", AGAIN_AFTER_MS);
    const waitMs = this.#rate(key);
    if (waitMs > 0) {
      this.#streams.give(key, 1);
      throw busy("this key's rate is used up", waitMs);
    }
    this.#open.set(key, open + 1);
    return () => {
      this.#streams.give(key, 1);
      this.#open.set(key, (this.#open.get(key) ?? 1) - 1);
    };
  }

  #rate(key: ApiKey): number {
    if (!key.rate) return 0;
    let bucket = this.#rates.get(key);
    if (!bucket) this.#rates.set(key, (bucket = new TokenBucket(key.rate)));
    return bucket.take().waitMs;
  }
}

function busy(why: string, retryAfterMs: number): BusyError {
  return new BusyError(`Cannot take one more run: ${why}`, retryAfterMs);
}
