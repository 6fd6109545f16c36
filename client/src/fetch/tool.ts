// fetch
// ==========================================================================
// A program's `fetch` is a tool: the request leaves from the app, under the app's rules, and the sandbox has no socket.
//
// F1  Each hop of a request, redirects included, needs a rule that allows its scheme, host, port and method.
// F2  A host is resolved once per hop; every address is checked, and only these are connected to.
// F3  What a rule adds goes to the hosts of that rule, and is not told to the program.
// F4  Sizes and times are bounded before they cost anything.
import { orAborted } from "../abort.ts";
import type { CallInfo, ToolDefinition } from "../registry/component.ts";
import type { Schema } from "../registry/schema.ts";
import { type Hop, SAFE, send } from "./connect.ts";
import { fetchError } from "./fetch-error.ts";
import { programHeaders, responseHeaders, ruleHeaders, withoutCredentials } from "./headers.ts";
import { type FetchInput, inputSchema, outputSchema } from "./input.ts";
import { type FetchOptions, type Policy, toPolicy } from "./options.ts";
import { readBody } from "./read.ts";
import { Redactor } from "./redact.ts";
import type { FetchRequest, Rule } from "./rules.ts";

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** What `fetch` answers a program. The mark tells its global `fetch` to make a Response of it. */
interface FetchAnswer {
  readonly codemode: "response";
  readonly status: number;
  readonly statusText: string;
  readonly url: string;
  readonly redirected: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

type FetchTool = Required<
  Pick<ToolDefinition<Schema, Schema>, "description" | "inputSchema" | "outputSchema" | "idempotent">
> & {
  readonly handle: (input: unknown, call: CallInfo) => Promise<FetchAnswer>;
};

/** @throws {@link RegistryError} when an option cannot be used. */
export function fetchTool(options: FetchOptions): FetchTool {
  const policy = toPolicy(options);
  const allowed = policy.rules.map(({ text }) => text).join("; ");
  return {
    description: `HTTP requests, also as the global fetch(url, init). Allowed: ${allowed}`,
    inputSchema,
    outputSchema,
    idempotent: policy.rules.every(({ methods }) => [...methods].every((method) => SAFE.has(method))),
    handle: (input, call) =>
      inTime(policy.timeoutMs, call, (signal) => fetchFor(policy, input as FetchInput, call, signal)),
  };
}

async function inTime<T>(timeoutMs: number, call: CallInfo, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const late = AbortSignal.timeout(timeoutMs);
  try {
    const signal = AbortSignal.any([call.signal, late]);
    return await orAborted(work(signal), signal); // a lookup, and what a rule waits for, know no signal
  } catch (error) {
    if (late.aborted && !call.signal.aborted) throw fetchError("TIMEOUT", `no answer within ${timeoutMs} ms`, true);
    throw error;
  }
}

async function fetchFor(policy: Policy, input: FetchInput, call: CallInfo, signal: AbortSignal): Promise<FetchAnswer> {
  const redactor = new Redactor();
  let request: Request = {
    ...input,
    url: toUrl(input.url),
    headers: programHeaders(input.headers),
    body: bytesOf(input, policy),
  };
  for (let redirects = 0; ; redirects++) {
    const hop = await toHop(policy, request, call, redactor);
    const response = await send(hop, policy.lookup, signal);
    const { statusCode = 0, statusMessage = "", rawHeaders } = response;
    const location = REDIRECTS.has(statusCode) ? response.headers.location : undefined;
    if (location === undefined || input.redirect === "manual") {
      const body = await readBody(response, request.method, policy.maxResponseBytes, signal);
      const headers = responseHeaders(rawHeaders);
      return {
        codemode: "response",
        status: statusCode,
        statusText: redactor.text(statusMessage),
        url: redactor.text(request.url.href),
        redirected: redirects > 0,
        headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, redactor.text(value)])),
        body: asText(redactor.bytes(body)),
      };
    }
    response.destroy();
    if (input.redirect === "error") throw fetchError("FAILED", `${request.url.host} redirects`);
    if (redirects >= policy.maxRedirects)
      throw fetchError("TOO_MANY_REDIRECTS", `over ${policy.maxRedirects} redirects`);
    request = redirected(request, location, statusCode);
  }
}

interface Request {
  readonly url: URL;
  readonly method: string;
  /** Of the program. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
}

async function toHop(policy: Policy, request: Request, call: CallInfo, redactor: Redactor): Promise<Hop> {
  const { url, method } = request;
  const rule = ruleFor(policy.rules, url, method);
  const added = ruleHeaders(await addedBy(rule, { url: new URL(url), method, call }));
  redactor.add(added);
  return { ...request, rule, headers: { ...request.headers, ...added } };
}

async function addedBy(rule: Rule, request: FetchRequest): Promise<Readonly<Record<string, string>>> {
  try {
    return (await rule.headers?.(request)) ?? {};
  } catch {
    throw fetchError("BAD_RULE", "the app could not make the headers that its rule adds"); // whose error may hold them
  }
}

function ruleFor(rules: readonly Rule[], url: URL, method: string): Rule {
  const matching = rules.filter((rule) => rule.matches(url));
  const rule = matching.find(({ methods }) => methods.has(method));
  if (rule) return rule;
  const allowed = (matching.length > 0 ? matching : rules).map(({ text }) => text).join("; ");
  throw fetchError("NOT_ALLOWED", `the app does not allow ${method} ${url.origin}; it allows ${allowed}`);
}

/** As the Fetch standard has it; to another origin without the credentials that the program gave. */
function redirected({ url, method, headers, body }: Request, location: string, status: number): Request {
  const next = toUrl(location, url);
  const kept = next.origin === url.origin ? headers : withoutCredentials(headers);
  const becomesGet = status === 303 ? method !== "HEAD" : status <= 302 && method === "POST";
  if (!becomesGet) return { url: next, method, headers: kept, body };
  const withoutBody = Object.entries(kept).filter(([name]) => !name.startsWith("content-"));
  return { url: next, method: "GET", headers: Object.fromEntries(withoutBody), body: undefined };
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

function bytesOf({ method, body }: FetchInput, { maxRequestBytes }: Policy): Uint8Array | undefined {
  if (body === undefined) return undefined;
  if (method === "GET" || method === "HEAD") throw fetchError("BAD_REQUEST", `${method} has no body`);
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  if (bytes.byteLength > maxRequestBytes)
    throw fetchError("TOO_LARGE", `the request has more than ${maxRequestBytes} bytes`);
  return bytes;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const MAX_TEXT_BYTES = 1_000_000; // as JSON: an answer has a MiB

/** Text where it is text. Some is longer as JSON than its bytes are. */
function asText(bytes: Buffer): string | Uint8Array {
  try {
    const text = utf8.decode(bytes);
    if (Buffer.byteLength(JSON.stringify(text)) <= MAX_TEXT_BYTES) return text;
  } catch {
    // Bytes, then.
  }
  return new Uint8Array(bytes);
}
