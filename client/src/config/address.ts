import { ConfigError } from "../errors.ts";

/** An executor's address. */
export interface Target {
  /** As grpc-js wants it. */
  readonly target: string;
  /** The name or IP address in it, and the port; undefined for a socket. */
  readonly host: string | undefined;
  readonly port: number | undefined;
  /** True for TLS: `https://`, and nothing else. */
  readonly secure: boolean;
  /** True when nobody between here and there can listen. */
  readonly local: boolean;
}

/**
 * Reads `host:port`, `http://host[:port]`, `https://host[:port]`, `dns:///host:port` or `unix:<path>`.
 *
 * @throws {@link ConfigError} for anything else.
 */
export function parseAddress(address: string): Target {
  if (address.startsWith("unix:") && address.length > 5)
    return { target: address, host: undefined, port: undefined, secure: false, local: true };
  const refuse = (why: string) => {
    const forms = "host:port, http://host:port, https://host, dns:///host:port or unix:/path";
    return new ConfigError(`executor.url: cannot use ${JSON.stringify(address)}, ${why}; write ${forms}`);
  };
  if (/^https?:\/\//.test(address)) {
    if (!URL.canParse(address)) throw refuse("it is no URL");
    const url = new URL(address);
    if (url.pathname !== "/" || url.search || url.hash) throw refuse("a path means nothing to gRPC");
    if (url.username || url.password) throw refuse("a key goes into executor.apiKey");
    const secure = url.protocol === "https:";
    return network(url.hostname, Number(url.port || (secure ? 443 : 80)), secure);
  }
  const match = /^(?:dns:\/\/\/)?(\[[\da-fA-F:.]+\]|[\w.-]+):(\d{1,5})$/.exec(address);
  if (!match) throw refuse("it is none of the forms that are known");
  const [, host = "", digits] = match;
  const port = Number(digits);
  if (port > 65_535 || port === 0) throw refuse(`${digits} is no port`);
  return network(host, port, false);
}

function network(host: string, port: number, secure: boolean): Target {
  return { target: `dns:///${host}:${port}`, host, port, secure, local: isLoopback(host) };
}

/** The addresses in `executor.url`. */
export function addressesIn(url: string | undefined): string[] {
  return url?.split(",").map((address) => address.trim()) ?? [];
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
