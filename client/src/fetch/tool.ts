// fetch
// ==========================================================================
// A program's `fetch` is a tool: the request leaves from the app, under the app's rules, and the sandbox has no socket.
//
// F1  Each hop of a request, redirects included, needs a rule that allows its scheme, host, port and method.
// F2  A host is resolved once per hop; every address is checked, and only these are connected to.
// F3  What a rule adds goes to the hosts of that rule, and what is secret of it is not told to the program.
// F4  Sizes and times are bounded before they cost anything.
import { orAborted } from "../abort.ts";
import { ToolError } from "../errors.ts";
import { IDEMPOTENT, methodAfter, REDIRECTS } from "../http.ts";
import type { CallInfo, ToolDefinition } from "../registry/component.ts";
import type { Schema } from "../registry/schema.ts";
import { type Hop, send } from "./connect.ts";
import { fetchError, retold } from "./fetch-error.ts";
import { responseHeaders, ruleHeaders, secretsOf } from "./headers.ts";
import { type FetchInput, inputSchema, outputSchema } from "./input.ts";
import { type FetchOptions, type Policy, toPolicy } from "./options.ts";
import { readBody } from "./read.ts";
import { Redactor } from "./redact.ts";
import { redirected, type Request, toRequest } from "./request.ts";
import type { FetchRequest, Rule } from "./rules.ts";

/** Methods that change nothing, so that a run that is resumed may ask again. */
const SAFE = new Set(["GET", "HEAD", "OPTIONS"]);

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
    handle: (input, call) => fetchInTime(policy, input as FetchInput, call),
  };
}

async function fetchInTime(policy: Policy, input: FetchInput, call: CallInfo): Promise<FetchAnswer> {
  const late = AbortSignal.timeout(policy.timeoutMs);
  try {
    const signal = AbortSignal.any([call.signal, late]);
    return await orAborted(fetchFor(policy, input, call, signal), signal); // a lookup, and what a rule waits for, know no signal
  } catch (error) {
    if (!late.aborted || call.signal.aborted) throw error;
    throw fetchError("TIMEOUT", `no answer within ${policy.timeoutMs} ms`, IDEMPOTENT.has(input.method));
  }
}

async function fetchFor(policy: Policy, input: FetchInput, call: CallInfo, signal: AbortSignal): Promise<FetchAnswer> {
  const trip: Trip = { redactor: new Redactor(), isDone: false, isRepeated: false };
  try {
    return await follow(trip, policy, input, call, signal);
  } catch (error) {
    if (signal.aborted || !(error instanceof ToolError)) throw error;
    const message = trip.isRepeated ? "fetch failed: a redirect led to no answer" : trip.redactor.text(error.message);
    throw retold(error, message, !trip.isDone || IDEMPOTENT.has(input.method));
  }
}

/** What is known of a call over all of its hops. */
interface Trip {
  readonly redactor: Redactor;
  /** The method of the program has had its effect. */
  isDone: boolean;
  /** A redirect holds what the rule has added; any part of its URL, which errors name, may then be a part of that. */
  isRepeated: boolean;
}

async function follow(
  trip: Trip,
  policy: Policy,
  input: FetchInput,
  call: CallInfo,
  signal: AbortSignal,
): Promise<FetchAnswer> {
  const { redactor } = trip;
  let request = toRequest(input, policy.maxRequestBytes);
  for (let redirects = 0; ; redirects++) {
    const hop = await toHop(policy, request, call, redactor);
    const response = await send(hop, policy.lookup, signal);
    const { statusCode = 0, statusMessage = "", rawHeaders } = response;
    const location = REDIRECTS.has(statusCode) ? response.headers.location : undefined;
    trip.isDone ||= location === undefined || methodAfter(statusCode, request.method) !== request.method;
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
    trip.isRepeated ||= redactor.finds(location);
    request = redirected(request, location, statusCode);
  }
}

async function toHop(policy: Policy, request: Request, call: CallInfo, redactor: Redactor): Promise<Hop> {
  const { url, method } = request;
  const rule = ruleFor(policy.rules, url, method);
  const added = ruleHeaders(await addedBy(rule, { url: new URL(url), method, call }));
  redactor.add(secretsOf(added, rule.secretHeaders));
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
