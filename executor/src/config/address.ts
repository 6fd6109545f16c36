/** Where an executor listens. */
export type Address = TcpAddress | { readonly kind: "unix"; readonly path: string };

export interface TcpAddress {
  readonly kind: "tcp";
  readonly host: string;
  readonly port: number;
}

/** Reads `host:port`, `[v6]:port` or `unix:path`; undefined for anything else. Port 0 takes a free one. */
export function parseAddress(text: string): Address | undefined {
  const path = /^unix:(?:\/\/(?=\/))?(.+)$/.exec(text)?.[1];
  return path === undefined ? parseTcpAddress(text) : { kind: "unix", path };
}

/** Reads `host:port` or `[v6]:port`. */
export function parseTcpAddress(text: string): TcpAddress | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  return host === undefined || port > 65_535 ? undefined : { kind: "tcp", host, port };
}

/** As gRPC takes it, and as people read it. */
export function formatAddress(address: Address): string {
  if (address.kind === "unix") return `unix:${address.path}`;
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** True when only this machine can reach it, which is what makes an executor without a key bearable. */
export function isPrivate(address: Address): boolean {
  if (address.kind === "unix") return true;
  return address.host === "localhost" || address.host === "::1" || /^127(\.\d{1,3}){3}$/.test(address.host);
}
