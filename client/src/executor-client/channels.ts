import { CodemodeError } from "@codemode/proto";
import type { Endpoint, ExecutorSource } from "../sidecar/source.ts";
import { Channel } from "./channel.ts";

/** One channel for each executor of a source, made when first needed, closed when the source no longer has its executor. */
export class Channels {
  readonly #source: ExecutorSource;
  #channels: readonly Channel[] = [];
  #closed = false;

  /** Takes `source`. */
  constructor(source: ExecutorSource) {
    this.#source = source;
  }

  /** All of them, at least one, in the order of the source. `failed` has just broken a stream. */
  async all(failed?: Endpoint): Promise<readonly Channel[]> {
    const endpoints = await this.#source.endpoints(failed);
    if (this.#closed) throw new CodemodeError("CLOSED", "The client is closed");
    const before = this.#channels;
    this.#channels = endpoints.map(
      (endpoint) => before.find((channel) => channel.endpoint === endpoint) ?? new Channel(endpoint),
    );
    for (const channel of before) if (!this.#channels.includes(channel)) channel.close();
    return this.#channels;
  }

  /** Closes them and the source. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const channel of this.#channels) channel.close();
    this.#channels = [];
    await this.#source.close();
  }
}
