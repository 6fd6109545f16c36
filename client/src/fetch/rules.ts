import { BlockList, isIP } from "node:net";
import { RegistryError } from "../errors.ts";
import type { CallInfo } from "../registry/component.ts";

/** A request that is about to leave, as a rule sees it. */
export interface FetchRequest {
  readonly url: URL;
  readonly method: string;
  /** Of the call: `call.context` has the run's secrets. */
  readonly call: CallInfo;
}

/** What programs may ask of some hosts. */
export interface FetchRule {
  /**
   * `api.example.com`, `*.example.com` (every host below it, and not itself), an IP address (IPv6 in brackets), each with a
   * port where it is not the usual one: `example.com:8443`. Only `https:`, unless it begins with `http://`.
   */
  readonly host: string;
  /** @defaultValue `["GET", "HEAD"]` */
  readonly methods?: readonly string[];
  /**
   * Addresses that are not public and may be connected to: `true` for all, or some, such as `["10.1.0.0/16", "127.0.0.1"]`.
   *
   * @defaultValue none: a name that resolves to one is refused
   */
  readonly privateAddresses?: boolean | readonly string[];
  /**
   * Headers that the app adds, such as its credentials. They win over the program's and go to the hosts of this rule alone.
   * What is secret of them is not shown to the program: neither in errors, nor where an answer repeats it word by word.
   */
  readonly headers?: (request: FetchRequest) => Headers | Promise<Headers>;
  /**
   * Names of headers that are secret, beside those whose names say so: `authorization`, `cookie`, and names with `auth`, `cookie`,
   * `credential`, `jwt`, `key`, `passw`, `pwd`, `secret`, `session`, `signature` or `token` in them.
   *
   * @defaultValue none
   */
  readonly secretHeaders?: readonly string[];
}
type Headers = Readonly<Record<string, string>>;

/** A rule, ready for use. */
export interface Rule {
  readonly text: string;
  readonly methods: ReadonlySet<string>;
  readonly headers: FetchRule["headers"];
  readonly secretHeaders: ReadonlySet<string>;
  matches(url: URL): boolean;
  /** Whether this address, which is not public, may be connected to. */
  allows(address: string): boolean;
}

const METHOD = /^[A-Z]{1,32}$/;
/** `CONNECT` makes a tunnel, and `TRACE` tells the program what headers the app has added. */
const NEVER = new Set(["CONNECT", "TRACE", "TRACK"]);

/** @throws {@link RegistryError} when the rule cannot be used. */
export function toRule(given: string | FetchRule): Rule {
  const {
    host,
    methods = ["GET", "HEAD"],
    privateAddresses = false,
    headers,
    secretHeaders = [],
  } = typeof given === "string" ? { host: given } : given;
  const matches = toMatcher(host);
  const allowed = methods.map((method) => method.toUpperCase());
  const bad = allowed.find((method) => !METHOD.test(method) || NEVER.has(method));
  if (bad !== undefined) throw unusable(host, `${JSON.stringify(bad)} is no method that a program may use`);
  const list = Array.isArray(privateAddresses) ? toBlockList(host, privateAddresses as readonly string[]) : undefined;
  return {
    text: `${host} (${allowed.join(", ")})`,
    methods: new Set(allowed),
    headers,
    secretHeaders: new Set(secretHeaders.map((name) => name.toLowerCase())),
    matches,
    allows: (address) =>
      list ? list.check(address, isIP(address) === 6 ? "ipv6" : "ipv4") : privateAddresses === true,
  };
}

function toMatcher(host: unknown): (url: URL) => boolean {
  const [, scheme = "https:", wildcard, rest = ""] =
    /^(?:(https?:)\/\/)?(\*\.)?([^*/@?#\s]+)$/.exec(String(host)) ?? [];
  const target = URL.parse(`${scheme}//${rest}`);
  if (rest === "" || !target || (wildcard && isIP(target.hostname) > 0)) {
    throw unusable(host, "a host is such as api.example.com, *.example.com, http://localhost:8080");
  }
  return ({ protocol, hostname, port }) => {
    if (protocol !== scheme || port !== target.port) return false;
    return wildcard ? hostname.endsWith(`.${target.hostname}`) : hostname === target.hostname;
  };
}

function toBlockList(host: string, addresses: readonly string[]): BlockList {
  const list = new BlockList();
  for (const text of addresses) {
    const [address = "", bits, more] = text.split("/");
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    const prefix = bits === undefined ? (family === "ipv6" ? 128 : 32) : Number(bits);
    try {
      if (isIP(address) === 0 || more !== undefined || bits === "") throw new TypeError();
      list.addSubnet(address, prefix, family);
    } catch {
      throw unusable(host, `${JSON.stringify(text)} is no address such as 10.1.2.3 and no range such as 10.1.0.0/16`);
    }
  }
  return list;
}

function unusable(host: unknown, why: string): RegistryError {
  return new RegistryError(`Cannot register fetch: the rule ${JSON.stringify(host)} cannot be used, ${why}`);
}
