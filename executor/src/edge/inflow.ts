import type { ServerHttp2Stream } from "node:http2";
import { passed } from "../pool/garbage.ts";
import { type Account, Quota } from "../pool/quota.ts";

const MAX_BYTES = 256 * 1024 * 1024; // of a gigabyte that an edge may have

/**
 * What has come of messages that are not whole yet. gRPC puts a message together before it shows it: thousands of streams
 * with one byte missing on each would be gigabytes.
 */
export class Inflow {
  readonly #quota: Quota;

  /** `totalWeight` is that of all accounts that there are. */
  constructor(totalWeight: number, maxBytes = MAX_BYTES) {
    this.#quota = new Quota(maxBytes, totalWeight);
  }

  /** Counts what comes on `stream`; calls `onOver` when there is no room for it. Gives what to call at each whole message. */
  watch(stream: ServerHttp2Stream, account: Account, onOver: () => void): () => void {
    let pending = 0;
    const settle = (): void => {
      this.#quota.give(account, pending);
      pending = 0;
    };
    stream.on("data", (chunk: Buffer) => {
      passed(chunk.length);
      if (this.#quota.take(account, chunk.length)) pending += chunk.length;
      else onOver();
    });
    stream.once("close", settle);
    return settle;
  }
}
