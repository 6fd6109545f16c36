import { type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { type Address, isPublic, type Lookup } from "./addresses.ts";
import { IDEMPOTENT, isUnsent } from "../http.ts";
import { fetchError } from "./fetch-error.ts";
import type { Rule } from "./rules.ts";

/** One request, as it leaves. */
export interface Hop {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
  readonly rule: Rule;
}

/**
 * Sends a request, and resolves with its response, the body of which is still to be read. The host is resolved once, here;
 * its addresses are checked, and these and no others are connected to, so that a name cannot mean another place the second time.
 */
export async function send(hop: Hop, lookup: Lookup, signal: AbortSignal): Promise<IncomingMessage> {
  const { url, method, headers, body, rule } = hop;
  const addresses = await resolve(url, rule, lookup);
  signal.throwIfAborted();
  const isTls = url.protocol === "https:";
  const sent: Record<string, string> = {
    "user-agent": "codemode",
    accept: "*/*",
    ...headers,
    "accept-encoding": "identity",
  };
  if (body) sent["content-length"] = String(body.byteLength);
  else if (["POST", "PUT", "PATCH"].includes(method)) sent["content-length"] = "0";
  const { promise, resolve: answered, reject } = Promise.withResolvers<IncomingMessage>();
  const request: ClientRequest = (isTls ? httpsRequest : httpRequest)(url, {
    method,
    headers: sent,
    agent: false, // a connection of its own, to the addresses that were checked
    lookup: pinned(addresses),
    signal,
    maxHeaderSize: 32 * 1024,
  });
  request.once("response", answered);
  request.once("upgrade", (_response, socket) => {
    socket.destroy();
    reject(fetchError("FAILED", `${url.host} wants another protocol`));
  });
  request.on("error", (error: Error & { code?: string }) => {
    if (signal.aborted) return reject(signal.reason as Error);
    // The message may hold what was sent; the code is a word of Node's.
    const mayRepeat = isUnsent(error.code) || IDEMPOTENT.has(method);
    reject(fetchError("FAILED", `${url.host} cannot be reached (${error.code ?? error.name})`, mayRepeat));
  });
  request.end(body);
  return promise;
}

/** The addresses of a host, all of which may be connected to. */
async function resolve(url: URL, rule: Rule, lookup: Lookup): Promise<readonly Address[]> {
  const hostname = url.hostname.replace(/^\[|\]$/g, "");
  const family = isIP(hostname);
  const addresses = family > 0 ? [{ address: hostname, family: family as 4 | 6 }] : await ask(hostname, lookup);
  // One among several is enough: which of them is taken is not ours to say.
  if (addresses.every(({ address }) => isPublic(address) || rule.allows(address))) return addresses;
  throw fetchError(
    "PRIVATE_ADDRESS",
    `${url.hostname} is not on the public internet, and the app's rule does not allow that`,
  );
}

async function ask(hostname: string, lookup: Lookup): Promise<readonly Address[]> {
  try {
    const addresses = addressesOf(await lookup(hostname));
    if (addresses.length > 0) return addresses;
  } catch {
    // What it says is for the app.
  }
  throw fetchError("NOT_FOUND", `there is no host ${hostname}`, true);
}

/** Those that are addresses: the app's own lookup may give anything. */
function addressesOf(found: unknown): readonly Address[] {
  const all = Array.isArray(found) ? (found as (Partial<Address> | null | undefined)[]) : [];
  return all.flatMap((each) => {
    const address = each?.address ?? "";
    const family = isIP(address);
    return family === 0 ? [] : [{ address, family: family as 4 | 6 }];
  });
}

/** Answers with `addresses`, whatever is asked. */
function pinned(addresses: readonly Address[]): LookupFunction {
  return (_hostname, options, callback) => {
    const [first] = addresses as [Address];
    if (options.all === true)
      callback(
        null,
        addresses.map(({ address, family }) => ({ address, family })),
      );
    else callback(null, first.address, first.family);
  };
}
