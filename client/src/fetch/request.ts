import { methodAfter } from "../http.ts";
import { fetchError } from "./fetch-error.ts";
import { programHeaders, withoutCredentials } from "./headers.ts";
import type { FetchInput } from "./input.ts";

/** What a program asks for, or where that has led. */
export interface Request {
  readonly url: URL;
  readonly method: string;
  /** Of the program. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
}

/** As the program gives it. */
export function toRequest(input: FetchInput, maxBytes: number): Request {
  return {
    url: toUrl(input.url),
    method: input.method,
    headers: programHeaders(input.headers),
    body: bytesOf(input, maxBytes),
  };
}

/** As the Fetch standard has it; to another origin without the credentials that the program gave. */
export function redirected({ url, method, headers, body }: Request, location: string, status: number): Request {
  const next = toUrl(location, url);
  const kept = next.origin === url.origin ? headers : withoutCredentials(headers);
  const nextMethod = methodAfter(status, method);
  if (nextMethod === method) return { url: next, method, headers: kept, body };
  const withoutBody = Object.entries(kept).filter(([name]) => !name.startsWith("content-"));
  return { url: next, method: nextMethod, headers: Object.fromEntries(withoutBody), body: undefined };
}

function toUrl(text: string, base?: URL): URL {
  const url = URL.parse(text, base?.href);
  if (!url) throw fetchError("BAD_REQUEST", `${JSON.stringify(text.slice(0, 200))} is no absolute URL`);
  if (url.protocol !== "https:" && url.protocol !== "http:")
    throw fetchError("NOT_ALLOWED", `${url.protocol} is not HTTP`);
  if (url.username !== "" || url.password !== "")
    throw fetchError("BAD_REQUEST", "a URL may hold no user and no password");
  url.hash = "";
  return url;
}

function bytesOf({ method, body }: FetchInput, maxBytes: number): Uint8Array | undefined {
  if (body === undefined) return undefined;
  if (method === "GET" || method === "HEAD") throw fetchError("BAD_REQUEST", `${method} has no body`);
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  if (bytes.byteLength > maxBytes) throw fetchError("TOO_LARGE", `the request has more than ${maxBytes} bytes`);
  return bytes;
}
