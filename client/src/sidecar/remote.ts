import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { parseAddress } from "../config/index.ts";
import type { Endpoint, ExecutorSource } from "./source.ts";

const LOOK_EVERY_MS = 2_000; // whoever is added has work within seconds, and a busy client asks its resolver seldom

/**
 * Executors that somebody else runs, at addresses and behind names. A name is looked up again while it is used, so that
 * executors may come and go behind it; those of one name are as many executors as those of a list.
 */
export function remoteSource(urls: readonly string[], apiKey: string | undefined): ExecutorSource {
  const places = urls.map((url) => new Place(url, apiKey));
  return {
    endpoints: async (failed) => (await Promise.all(places.map((place) => place.endpoints(failed)))).flat(),
    close: async () => {},
  };
}

/** One address: the executor there, or those behind its name. */
class Place {
  readonly #url: string;
  readonly #apiKey: string | undefined;
  /** What is to be looked up; undefined for an address that says it all. */
  readonly #name: string | undefined;
  #known: readonly Endpoint[];
  #lookedAt = -Infinity;
  #looking: Promise<void> | undefined;

  constructor(url: string, apiKey: string | undefined) {
    this.#url = url;
    this.#apiKey = apiKey;
    this.#name = nameIn(url);
    this.#known = this.#name === undefined ? [this.#endpoint()] : [];
  }

  /** Those that are known at once; waits for the resolver when there are none yet, and when one has just failed. */
  async endpoints(failed: Endpoint | undefined): Promise<readonly Endpoint[]> {
    if (this.#name === undefined) return this.#known;
    const isUrgent = this.#known.length === 0 || (failed !== undefined && this.#known.includes(failed));
    if (isUrgent || performance.now() - this.#lookedAt > LOOK_EVERY_MS) this.#looking ??= this.#look(this.#name);
    if (isUrgent) await this.#looking;
    return this.#known;
  }

  async #look(name: string): Promise<void> {
    const found = await lookup(name, { all: true }).catch(() => []);
    const addresses = [...new Set(found.map(({ address }) => address))].toSorted(); // resolvers shuffle, and turns go round
    // Who was there is still there as far as is known; and grpc-js says best what is wrong with a name that was never found.
    if (addresses.length > 0)
      this.#known = addresses.map((at) => this.#known.find((one) => one.at === at) ?? this.#endpoint(at));
    else if (this.#known.length === 0) this.#known = [this.#endpoint()];
    this.#lookedAt = performance.now();
    this.#looking = undefined;
  }

  #endpoint(at?: string): Endpoint {
    return Object.freeze({ url: this.#url, apiKey: this.#apiKey, ...(at !== undefined && { at }) });
  }
}

/** The name in an address, when it is this process that looks it up: a proxy does so by itself. */
function nameIn(url: string): string | undefined {
  const { host, local } = parseAddress(url);
  if (host === undefined || isIP(host.replace(/^\[|\]$/g, ""))) return undefined;
  const { grpc_proxy: first, https_proxy: second, http_proxy: third } = process.env; // as grpc-js reads them
  return !local && (first || second || third) ? undefined : host;
}
