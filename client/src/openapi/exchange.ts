import { ToolError } from "../errors.ts";
import { IDEMPOTENT, isUnsent, methodAfter, REDIRECTS } from "../http.ts";
import type { Operation } from "./operations.ts";
import type { Prepared } from "./request.ts";

const MAX_REDIRECTS = 5;
const MAX_BYTES = 1_048_576; // what one answer to a program may take
const MAX_TOLD = 2_000; // characters of what a server says of an error
/** Answers of who has not done what was asked, so that it may be asked again. */
const UNDONE = new Set([408, 425, 429]);
/** Of who may have done it. */
const UNCERTAIN = new Set([500, 502, 503, 504]);

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
  const { method: first } = operation;
  let method = first;
  let content: Prepared["body"] = body;
  let at = url;
  for (let redirects = 0; ; redirects++) {
    // Another method than the first one means that the first has had its effect.
    const mayRepeat: MayRepeat = (isUndone) => IDEMPOTENT.has(first) || (isUndone && method === first);
    const init: RequestInit = {
      method,
      headers,
      redirect: "manual",
      signal,
      ...(content !== undefined && { body: content as NonNullable<RequestInit["body"]> }),
    };
    const response = await sent(send, at, init, mayRepeat);
    const { status } = response;
    const location = REDIRECTS.has(status) ? response.headers.get("location") : null;
    if (location === null) return answerOf(response, operation, mayRepeat, signal);
    await response.body?.cancel().catch(() => {}); // nobody wants it, nor how it ended
    const next = URL.parse(location, at.href);
    if (next?.origin !== url.origin) {
      const host = next?.host ?? "somewhere";
      throw new ToolError(`${operation.name} redirects to ${host}, which is not followed`, { code: "REDIRECT" });
    }
    if (redirects >= MAX_REDIRECTS)
      throw new ToolError(`${operation.name} redirects without end`, { code: "REDIRECT" });
    at = next;
    if (methodAfter(status, method) !== method) {
      method = methodAfter(status, method);
      content = undefined;
      delete headers["content-type"];
    }
  }
}

/** Whether the call may be made again: after what nobody has done, or also after what may have been done. */
type MayRepeat = (isUndone: boolean) => boolean;

async function sent(send: typeof fetch, url: URL, init: RequestInit, mayRepeat: MayRepeat): Promise<Response> {
  try {
    return await send(url, init);
  } catch (error) {
    init.signal?.throwIfAborted();
    // Nothing of what was sent: the message of some libraries has it all.
    const { code } = ((error as Error).cause ?? error) as { code?: unknown };
    const why = typeof code === "string" ? ` (${code})` : "";
    const retryable = mayRepeat(isUnsent(code));
    throw new ToolError(`${url.host} cannot be reached${why}`, { code: "UNREACHABLE", retryable });
  }
}

async function answerOf(
  response: Response,
  { name, method }: Operation,
  mayRepeat: MayRepeat,
  signal: AbortSignal,
): Promise<unknown> {
  const bytes = await bytesOf(response, name).catch((error: unknown) => {
    signal.throwIfAborted();
    if (error instanceof ToolError) throw error;
    throw new ToolError(`The answer to ${name} broke off`, { code: "BROKEN", retryable: mayRepeat(false) });
  });
  const type = response.headers.get("content-type") ?? "";
  if (!response.ok) throw httpError(response, bytes, name, mayRepeat);
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

function httpError({ status, statusText }: Response, bytes: Buffer, name: string, mayRepeat: MayRepeat): ToolError {
  const said = bytes
    .toString("utf8", 0, MAX_TOLD * 4)
    .slice(0, MAX_TOLD)
    .trim();
  const message = `${name} answered ${status}${statusText === "" ? "" : ` ${statusText}`}${said === "" ? "" : `: ${said}`}`;
  const retryable = UNDONE.has(status) ? mayRepeat(true) : UNCERTAIN.has(status) && mayRepeat(false);
  const error = new ToolError(message, { code: `HTTP_${status}`, retryable });
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
