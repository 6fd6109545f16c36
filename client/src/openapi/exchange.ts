import { ToolError } from "../errors.ts";
import type { Operation } from "./operations.ts";
import type { Prepared } from "./request.ts";

const MAX_REDIRECTS = 5;
const MAX_BYTES = 1_048_576; // what one answer to a program may take
const MAX_TOLD = 2_000; // characters of what a server says of an error
const RETRYABLE = new Set([408, 425, 429, 500, 502, 503, 504]);

/**
 * Sends a request and reads what comes of it: JSON as its value, text as text, anything else as bytes.
 *
 * @throws {@link ToolError} for a status of 400 or more, `HTTP_<status>`, and for a redirect to another host.
 */
export async function exchange(
  send: typeof fetch,
  operation: Operation,
  { url, headers, body }: Prepared,
  signal: AbortSignal,
): Promise<unknown> {
  let { method } = operation;
  let content: Prepared["body"] = body;
  let at = url;
  for (let redirects = 0; ; redirects++) {
    const response = await sent(send, at, {
      method,
      headers,
      redirect: "manual",
      signal,
      ...(content !== undefined && { body: content as NonNullable<RequestInit["body"]> }),
    });
    const { status } = response;
    const location = status >= 300 && status < 400 ? response.headers.get("location") : null;
    if (location === null) return answerOf(response, operation);
    await response.body?.cancel();
    const next = URL.parse(location, at.href);
    if (next?.origin !== url.origin) {
      const host = next?.host ?? "somewhere";
      throw new ToolError(`${operation.name} redirects to ${host}, which is not followed`, { code: "REDIRECT" });
    }
    if (redirects >= MAX_REDIRECTS)
      throw new ToolError(`${operation.name} redirects without end`, { code: "REDIRECT" });
    at = next;
    if (status === 303 || (status <= 302 && method === "POST")) {
      method = "GET";
      content = undefined;
      delete headers["content-type"];
    }
  }
}

async function sent(send: typeof fetch, url: URL, init: RequestInit): Promise<Response> {
  try {
    return await send(url, init);
  } catch (error) {
    init.signal?.throwIfAborted();
    // Nothing of what was sent: the message of some libraries has it all.
    const { code } = ((error as Error).cause ?? error) as { code?: unknown };
    const why = typeof code === "string" ? ` (${code})` : "";
    throw new ToolError(`${url.host} cannot be reached${why}`, { code: "UNREACHABLE", retryable: true });
  }
}

async function answerOf(response: Response, { name, method }: Operation): Promise<unknown> {
  const bytes = await bytesOf(response, name);
  const type = response.headers.get("content-type") ?? "";
  if (!response.ok) throw httpError(response, bytes, name);
  if (bytes.length === 0 || method === "HEAD") return undefined;
  if (/\bjson\b/i.test(type)) return parsed(bytes, name);
  return /^text\/|\bxml\b|^$/i.test(type) ? bytes.toString() : new Uint8Array(bytes);
}

function parsed(bytes: Buffer, name: string): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    throw new ToolError(`${name} answered what is no JSON, though it says so`, { code: "INVALID_ANSWER" });
  }
}

function httpError({ status, statusText }: Response, bytes: Buffer, name: string): ToolError {
  const said = bytes
    .toString("utf8", 0, MAX_TOLD * 4)
    .slice(0, MAX_TOLD)
    .trim();
  const message = `${name} answered ${status}${statusText === "" ? "" : ` ${statusText}`}${said === "" ? "" : `: ${said}`}`;
  const error = new ToolError(message, { code: `HTTP_${status}`, retryable: RETRYABLE.has(status) });
  error.name = "HttpError";
  return error;
}

async function bytesOf(response: Response, name: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    length += chunk.byteLength;
    if (length > MAX_BYTES) {
      throw new ToolError(`${name} answered more than ${MAX_BYTES} bytes: ask for less at a time`, {
        code: "TOO_LARGE",
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
