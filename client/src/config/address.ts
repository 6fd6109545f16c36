import { ConfigError } from "../errors.ts";

/** An executor's address. */
export interface Target {
  /** As grpc-js wants it. */
  readonly target: string;
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
  if (address.startsWith("unix:") && address.length > 5) return { target: address, secure: false, local: true };
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
    return {
      target: `dns:///${url.hostname}:${url.port || (secure ? 443 : 80)}`,
      secure,
      local: isLoopback(url.hostname),
    };
  }
  const match = /^(?:dns:\/\/\/)?(\[[\da-fA-F:.]+\]|[\w.-]+):(\d{1,5})$/.exec(address);
  if (!match) throw refuse("it is none of the forms that are known");
  const [, host = "", port] = match;
  if (Number(port) > 65_535 || Number(port) === 0) throw refuse(`${port} is no port`);
  return { target: `dns:///${host}:${port}`, secure: false, local: isLoopback(host) };
}

/** The addresses in `executor.url`. */
export function addressesIn(url: string | undefined): string[] {
  return url?.split(",").map((address) => address.trim()) ?? [];
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
