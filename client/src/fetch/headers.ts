import { validateHeaderName, validateHeaderValue } from "node:http";
import { fetchError } from "./fetch-error.ts";

/** Headers that are the connection's own. */
const HOP = new Set([
  "accept-encoding",
  "connection",
  "content-length",
  "expect",
  "host",
  "http2-settings",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
const PROXY = /^(proxy-|sec-)/;
/** What proxies tell the servers behind them, which believe it. */
const ORIGIN = /^(forwarded$|x-forwarded-|x-real-ip$)/;
/** What some servers take for the method or the URL, instead of those that the rule has allowed. */
const OVERRIDE = /^x-(http-)?method(-override)?$|^x-(original|rewrite)-(host|method|uri|url)$/;
/** What was meant for one host, and not for the next one. */
const CREDENTIALS = new Set(["authorization", "cookie", "proxy-authorization"]);
/** What the names of credentials have in them. */
const CREDENTIAL = /auth|cookie|credential|jwt|key|passw|pwd|secret|session|signature|token/;
/** What a response may not tell a program: cookies are the app's. */
const SECRET = new Set(["set-cookie", "set-cookie2", "www-authenticate", "proxy-authenticate"]);
const MAX_HEADERS = 100;

/** The headers that a program asks for, those that it may. */
export function programHeaders(given: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(given).map(([name, value]) => [name.toLowerCase(), value.trim()] as const);
  if (entries.length > MAX_HEADERS) throw fetchError("BAD_REQUEST", `there are more than ${MAX_HEADERS} headers`);
  for (const [name, value] of entries) {
    try {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    } catch {
      throw fetchError("BAD_REQUEST", `the header ${JSON.stringify(name.slice(0, 100))} is none that can be sent`);
    }
    // Without it the request would be another one than the program means.
    if (OVERRIDE.test(dashed(name)))
      throw fetchError("NOT_ALLOWED", `the header ${name} asks for another request: use its method and URL themselves`);
  }
  return Object.fromEntries(entries.filter(([name]) => !isReserved(dashed(name))));
}

function isReserved(name: string): boolean {
  return HOP.has(name) || PROXY.test(name) || ORIGIN.test(name);
}

/** As servers read it that have no dashes in the names of variables. */
function dashed(name: string): string {
  return name.replaceAll("_", "-");
}

/** The headers that a rule adds: they come from the app, whose values no error may tell. */
export function ruleHeaders(given: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(given).map(([name, value]) => [name.toLowerCase(), value] as const);
  for (const [name, value] of entries) {
    try {
      validateHeaderName(name);
      validateHeaderValue(name, value);
      if (typeof value !== "string") throw new TypeError();
    } catch {
      throw fetchError("BAD_RULE", `the app's rule gives a header that cannot be sent, ${JSON.stringify(name)}`);
    }
  }
  return Object.fromEntries(entries.filter(([name]) => !HOP.has(name)));
}

/** The values that a program must not see: of headers whose names say so, and of those in `marked`. */
export function secretsOf(headers: Readonly<Record<string, string>>, marked: ReadonlySet<string>): readonly string[] {
  return Object.entries(headers)
    .filter(([name]) => CREDENTIAL.test(name) || marked.has(name))
    .map(([, value]) => value);
}

export function withoutCredentials(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !CREDENTIALS.has(name)));
}

/** Those of a response that a program may see. Several of one name are one, with commas. */
export function responseHeaders(raw: readonly string[]): Record<string, string> {
  const headers = new Map<string, string>();
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = (raw[index] as string).toLowerCase();
    const value = raw[index + 1] as string;
    if (SECRET.has(name)) continue;
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return Object.fromEntries(headers);
}
