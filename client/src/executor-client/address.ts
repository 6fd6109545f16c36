import { ChannelCredentials, type ChannelOptions } from "@grpc/grpc-js";
import { ConfigError } from "../errors.ts";

/** An executor's address as grpc-js wants it. */
export interface Target {
  readonly target: string;
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

/** TLS trusts the roots of the system. */
export function credentialsFor({ secure }: Target): ChannelCredentials {
  return secure ? ChannelCredentials.createSsl() : ChannelCredentials.createInsecure();
}

export function channelOptionsFor({ local }: Target): ChannelOptions {
  return {
    "grpc.keepalive_time_ms": 20_000, // a peer that vanished without a word is found within 25 s, while a run is open
    "grpc.keepalive_timeout_ms": 5_000,
    "grpc.initial_reconnect_backoff_ms": 100, // retries are ours; the channel is only not to sleep through them
    "grpc.max_reconnect_backoff_ms": 1_000,
    "grpc.service_config_disable_resolution": 1, // a TXT record is not to configure us
    "grpc.service_config": JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
    "grpc.use_local_subchannel_pool": 1, // so that close() leaves no socket behind
    ...(local && { "grpc.enable_http_proxy": 0 }),
  };
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
