import { RegistryError } from "../errors.ts";
import { type Lookup, systemLookup } from "./addresses.ts";
import { type FetchRule, type Rule, toRule } from "./rules.ts";

/** What programs may fetch. */
export interface FetchOptions {
  /** A host alone is a rule of its defaults. Of several that match, the first that allows the method counts. */
  readonly allow: readonly (string | FetchRule)[];
  /**
   * Most bytes of the body of a request.
   *
   * @defaultValue 262_144, which is also what the arguments of a call may be
   */
  readonly maxRequestBytes?: number;
  /**
   * Most bytes of the body of a response; a longer one is an error, and is not read to its end.
   *
   * @defaultValue 700_000, the most there can be
   */
  readonly maxResponseBytes?: number;
  /**
   * Most redirects that one request follows. The rules are asked about each of them.
   *
   * @defaultValue 5
   */
  readonly maxRedirects?: number;
  /**
   * For one call, redirects and the body of the response included, in milliseconds.
   *
   * @defaultValue 30_000
   */
  readonly timeoutMs?: number;
  /**
   * Resolves host names. What it gives is checked, and connected to as it is.
   *
   * @defaultValue the system's own resolver
   */
  readonly lookup?: Lookup;
}

/** What programs may fetch, ready for use. */
export interface Policy {
  readonly rules: readonly Rule[];
  readonly maxRequestBytes: number;
  readonly maxResponseBytes: number;
  readonly maxRedirects: number;
  readonly timeoutMs: number;
  readonly lookup: Lookup;
}

const MAX_RESPONSE_BYTES = 700_000; // an answer has a MiB, in which bytes are base64

/** @throws {@link RegistryError} when an option cannot be used. */
export function toPolicy(options: FetchOptions): Policy {
  const { allow, lookup = systemLookup } = options;
  if (!Array.isArray(allow) || allow.length === 0) throw new RegistryError("Cannot register fetch: it allows nothing");
  const number = (
    name: "maxRequestBytes" | "maxResponseBytes" | "maxRedirects" | "timeoutMs",
    usual: number,
    most: number,
  ) => {
    const value = options[name] ?? usual;
    if (Number.isSafeInteger(value) && value >= 0 && value <= most) return value;
    throw new RegistryError(`Cannot register fetch: ${name} ${String(value)} is no whole number from 0 to ${most}`);
  };
  return {
    rules: allow.map(toRule),
    maxRequestBytes: number("maxRequestBytes", 262_144, 1_048_576),
    maxResponseBytes: number("maxResponseBytes", MAX_RESPONSE_BYTES, MAX_RESPONSE_BYTES),
    maxRedirects: number("maxRedirects", 5, 20),
    timeoutMs: number("timeoutMs", 30_000, 600_000),
    lookup,
  };
}
