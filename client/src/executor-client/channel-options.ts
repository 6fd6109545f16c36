import type { ChannelOptions } from "@grpc/grpc-js";
import type { Target } from "../config/index.ts";

/** For a channel to `target`, at one of the addresses behind its name where that was looked up. */
export function channelOptionsFor(
  { host, port, local }: Target,
  at: string | undefined,
  serverName = at === undefined ? undefined : host,
): ChannelOptions {
  return {
    "grpc.keepalive_time_ms": 20_000, // a peer that vanished without a word is found within 25 s, while a run is open
    "grpc.keepalive_timeout_ms": 5_000,
    "grpc.initial_reconnect_backoff_ms": 100, // retries are ours; the channel is only not to sleep through them
    "grpc.max_reconnect_backoff_ms": 1_000,
    "grpc.service_config_disable_resolution": 1, // a TXT record is not to configure us
    "grpc.service_config": JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
    "grpc.use_local_subchannel_pool": 1, // so that close() leaves no socket behind
    ...(local && { "grpc.enable_http_proxy": 0 }),
    ...(at !== undefined && { "grpc.default_authority": `${host}:${port}` }), // proxies on the way go by the name
    ...(serverName !== undefined && { "grpc.ssl_target_name_override": serverName }),
  };
}
