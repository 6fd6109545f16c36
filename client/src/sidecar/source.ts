/** Where an executor is, and how to be let in. */
export interface Endpoint {
  /** `host:port`, `http://…`, `https://…`, `dns:///…` or `unix:<path>`. */
  readonly url: string;
  /** The IP address to connect to, where a name in `url` has been looked up: one executor of those behind it. */
  readonly at?: string;
  readonly apiKey: string | undefined;
}

/** Where executors come from. */
export interface ExecutorSource {
  /**
   * The executors that are there as far as is known, at least one; started when they have to be. The same objects while
   * they are the same executors. `failed` has just broken off a stream, or refused one: a source that can is to look
   * whether it still lives.
   */
  endpoints(failed?: Endpoint): Promise<readonly Endpoint[]>;
  /** Ends what this source has started, and waits for it. Idempotent. */
  close(): Promise<void>;
}
