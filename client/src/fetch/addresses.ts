import { lookup as dnsLookup } from "node:dns/promises";
import { BlockList, isIP, isIPv6 } from "node:net";

/** An address of a host. */
export interface Address {
  readonly address: string;
  readonly family: 4 | 6;
}

/** Resolves a host name to all of its addresses. */
export type Lookup = (hostname: string) => Promise<readonly Address[]>;

export const systemLookup: Lookup = async (hostname) =>
  (await dnsLookup(hostname, { all: true })).map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 }));

/** What is not the public internet: IANA's special-purpose registries, and what clouds keep for themselves. */
const NOT_PUBLIC = new BlockList();
const IPV4 =
  "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.31.196.0/24 " +
  "192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 " +
  "224.0.0.0/4 240.0.0.0/4 168.63.129.16/32"; // the last is Azure's own
/** 2000::/3 is what is public at all; of these the rest. */
const IPV6 = "2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20";
const GLOBAL = new BlockList();
GLOBAL.addSubnet("2000::", 3, "ipv6");
for (const range of IPV4.split(" ")) add(range, "ipv4");
for (const range of IPV6.split(" ")) add(range, "ipv6");

function add(range: string, family: "ipv4" | "ipv6"): void {
  const [address = "", bits] = range.split("/");
  NOT_PUBLIC.addSubnet(address, Number(bits), family);
}

/** Whether `address` is of the public internet. Anything that is not an address is not. */
export function isPublic(address: string): boolean {
  const bare = address.replace(/%.*$/, "");
  if (isIPv6(bare)) {
    const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1];
    if (mapped !== undefined) return isPublic(mapped);
    return GLOBAL.check(bare, "ipv6") && !NOT_PUBLIC.check(bare, "ipv6");
  }
  return isIP(bare) === 4 && !NOT_PUBLIC.check(bare, "ipv4");
}
