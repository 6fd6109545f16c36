import { lookup } from "node:dns/promises";
import { isIP, isIPv6 } from "node:net";
import { parseAddress } from "../config/index.ts";
import type { Endpoint, ExecutorSource } from "./source.ts";

const LOOK_EVERY_MS = 2_000; // whoever is added has work within seconds, and a busy client asks its resolver seldom
const HEAD_START_MS = 250; // a resolver that works takes less; others that are known need not wait for one that does not

/**
 * Executors that somebody else runs, at addresses and behind names. A name is looked up again while it is used, so that
 * executors may come and go behind it; those of one name are as many executors as those of a list. While nobody is known, the
 * resolver has `lookupTimeoutMs`.
 */
export function remoteSource(
  urls: readonly string[],
  apiKey: string | undefined,
  lookupTimeoutMs = 5_000,
): ExecutorSource {
  const places = urls.map((url) => new Place(url, apiKey));
  return {
    async endpoints(failed) {
      const looks = places.flatMap((place) => place.look(failed) ?? []);
      const isThere = ({ known }: Place) => known.some((one) => one !== failed);
      const found = async ({ place, since, ended }: Look) => {
        await within(ended, since + lookupTimeoutMs - performance.now());
        if (!isThere(place)) throw new Error("nobody else");
      };
      await Promise.all(looks.map(({ since, ended }) => within(ended, since + HEAD_START_MS - performance.now())));
      if (!places.some(isThere)) await Promise.any(looks.map(found)).catch(() => {});
      if (places.every(({ known }) => known.length === 0)) for (const place of places) place.giveUp();
      return places.flatMap(({ known }) => known);
    },
    close: async () => {},
  };
}

/** A look-up that is worth some waiting. */
interface Look {
  readonly place: Place;
  readonly since: number;
  readonly ended: Promise<void>;
}

/** One address: the executor there, or those behind its name. */
class Place {
  /** As far as is known. None before a resolver has answered, or was given up. */
  known: readonly Endpoint[];
  readonly #url: string;
  readonly #apiKey: string | undefined;
  /** What is to be looked up; undefined for an address that says it all. */
  readonly #name: string | undefined;
  #lookedAt = -Infinity;
  /** The look-up under way. Never two at a time: each holds one of the few threads that Node has for files and names. */
  #looking: Look | undefined;

  constructor(url: string, apiKey: string | undefined) {
    this.#url = url;
    this.#apiKey = apiKey;
    this.#name = nameIn(url);
    this.known = this.#name === undefined ? [this.#endpoint()] : [];
  }

  /** Looks who is there, when that is due. Returns what to wait for: when nobody is known yet, and when one has just failed. */
  look(failed: Endpoint | undefined): Look | undefined {
    if (this.#name === undefined) return undefined;
    const isUrgent = this.known.length === 0 || (failed !== undefined && this.known.includes(failed));
    const now = performance.now();
    if (isUrgent || now - this.#lookedAt > LOOK_EVERY_MS)
      this.#looking ??= { place: this, since: now, ended: this.#look(this.#name) };
    return isUrgent ? this.#looking : undefined;
  }

  /** Leaves the name to grpc-js, which says best what is wrong with one that was never found. */
  giveUp(): void {
    if (this.known.length === 0) this.known = [this.#endpoint()];
  }

  async #look(name: string): Promise<void> {
    const found = await lookup(name, { all: true }).catch(() => []);
    const addresses = [...new Set(found.map(({ address }) => address))].toSorted(inOrder);
    // Who was there is still there as far as is known.
    if (addresses.length > 0)
      this.known = addresses.map((at) => this.known.find((one) => one.at === at) ?? this.#endpoint(at));
    else this.giveUp();
    this.#lookedAt = performance.now();
    this.#looking = undefined;
  }

  #endpoint(at?: string): Endpoint {
    return Object.freeze({ url: this.#url, apiKey: this.#apiKey, ...(at !== undefined && { at }) });
  }
}

/**
 * Always the same, since resolvers shuffle, and turns go round. Nothing tells whether an IPv4 address and an IPv6 address are of
 * one host, but two of one family seldom are: those come one after the other, so that the next turn is at another host.
 */
function inOrder(one: string, other: string): number {
  return Number(isIPv6(one)) - Number(isIPv6(other)) || (one < other ? -1 : 1);
}

/** Resolves when `work` has, and after `ms` in any case. */
async function within(work: Promise<void>, ms: number): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, Math.max(0, ms));
  await Promise.race([work, late]);
  clearTimeout(timer);
}

/** The name in an address, when it is this process that looks it up: a proxy does so by itself. */
function nameIn(url: string): string | undefined {
  const { host, local } = parseAddress(url);
  if (host === undefined || isIP(host.replace(/^\[|\]$/g, ""))) return undefined;
  const { grpc_proxy: first, https_proxy: second, http_proxy: third } = process.env; // as grpc-js reads them
  return !local && (first || second || third) ? undefined : host;
}
