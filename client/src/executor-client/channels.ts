import { CodemodeError } from "@codemode/proto";
import { parseAddress } from "../config/index.ts";
import type { Endpoint, ExecutorSource } from "../sidecar/source.ts";
import { Channel } from "./channel.ts";
import type { Credentials } from "./credentials.ts";
import { inTurn } from "./turns.ts";

/**
 * One channel for each executor of a source, made when first needed. It is closed when the source no longer has its executor,
 * and when there are other certificates to connect with; what is open on it then goes on.
 */
export class Channels {
  readonly #source: ExecutorSource;
  readonly #credentials: Credentials;
  readonly #serverName: string | undefined;
  #channels: readonly Channel[] = [];
  #closed = false;

  /** Takes `source`. Executors whose address is secure have to present a certificate for `serverName`, where it is given. */
  constructor(source: ExecutorSource, credentials: Credentials, serverName: string | undefined) {
    this.#source = source;
    this.#credentials = credentials;
    this.#serverName = serverName;
  }

  /** All of them, in the order in which a run should use them whose turn it is. */
  async inTurn(turn: number, failed?: Endpoint): Promise<readonly Channel[]> {
    for (;;) {
      const order = await inTurn(await this.#all(failed), turn);
      if (!order[0]?.closed) return order; // else its executor has gone while we waited
    }
  }

  /** True when a run could go to one at once that has turned nobody away just now. */
  get someRested(): boolean {
    return this.#channels.some(({ connected, resting }) => connected && !resting);
  }

  /** Closes them and the source. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const channel of this.#channels) channel.close();
    this.#channels = [];
    await this.#source.close();
  }

  /** All of them, at least one, in the order of the source. `failed` has just broken a stream. */
  async #all(failed?: Endpoint): Promise<readonly Channel[]> {
    const endpoints = await this.#source.endpoints(failed);
    if (this.#closed) throw new CodemodeError("CLOSED", "The client is closed");
    const before = this.#channels;
    this.#channels = endpoints.map((endpoint) => this.#channelTo(endpoint, before));
    // In the turn after: somebody may have been given one, and be about to open a stream on it.
    for (const channel of before) if (!this.#channels.includes(channel)) setImmediate(() => channel.close());
    return this.#channels;
  }

  #channelTo(endpoint: Endpoint, existing: readonly Channel[]): Channel {
    const target = parseAddress(endpoint.url);
    const credentials = this.#credentials.for(target);
    const found = existing.find((channel) => channel.endpoint === endpoint && channel.credentials === credentials);
    return found ?? new Channel(endpoint, { target, credentials, serverName: this.#serverName });
  }
}
