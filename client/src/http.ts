// What HTTP says of methods and redirects, for all that sends requests: RFC 9110 and the Fetch standard.

/** Methods that may be sent again: the second time changes nothing more. */
export const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);

/** What becomes of the method is in {@link methodAfter}. Other answers between 300 and 399, such as 304, lead nowhere. */
export const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** With what method a redirect is followed. Where that is another one, the body is left behind, and its headers. */
export function methodAfter(status: number, method: string): string {
  if (status === 303) return method === "HEAD" ? "HEAD" : "GET";
  return status <= 302 && method === "POST" ? "GET" : method;
}

const UNCONNECTED = new Set(["EAI_AGAIN", "ECONNREFUSED", "ENOTFOUND", "UND_ERR_CONNECT_TIMEOUT"]);

/** Whether an error of Node's with this code says that there was no connection, and so nothing was sent. */
export function isUnsent(code: unknown): boolean {
  return typeof code === "string" && UNCONNECTED.has(code);
}
