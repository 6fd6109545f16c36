/** Where an executor is, and how to be let in. */
export interface Endpoint {
  /** `host:port`, `http://…`, `https://…`, `dns:///…` or `unix:<path>`. */
  readonly url: string;
  readonly apiKey: string | undefined;
}

/** Where executors come from. */
export interface ExecutorSource {
  /** An executor that is there as far as is known; started when it has to be. The same object while it is the same executor. */
  endpoint(): Promise<Endpoint>;
  /** Ends what this source has started, and waits for it. Idempotent. */
  close(): Promise<void>;
}

/** An executor that somebody else runs. */
export function remoteSource(url: string, apiKey: string | undefined): ExecutorSource {
  const endpoint = Promise.resolve(Object.freeze({ url, apiKey }));
  return { endpoint: () => endpoint, close: async () => {} };
}
