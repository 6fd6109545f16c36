import { ToolError } from "../errors.ts";

/** Why a request was not made, or has no answer. */
type FetchErrorCode =
  | "BAD_REQUEST"
  | "BAD_RULE"
  | "NOT_ALLOWED"
  | "PRIVATE_ADDRESS"
  | "NOT_FOUND"
  | "FAILED"
  | "TOO_LARGE"
  | "TOO_MANY_REDIRECTS"
  | "TIMEOUT";

/** An error for the program. Where a redirect has led, the app's headers may be in it: {@link retold} takes them out. */
export function fetchError(code: FetchErrorCode, why: string, retryable = false): ToolError {
  const error = new ToolError(`fetch failed: ${why}`, { code: `FETCH_${code}`, retryable });
  error.name = "FetchError";
  return error;
}

/** The same error in other words. It says that a retry may help when it did so before, and still may. */
export function retold({ name, code, retryable }: ToolError, message: string, mayRepeat: boolean): ToolError {
  const error = new ToolError(message, { ...(code !== undefined && { code }), retryable: retryable && mayRepeat });
  error.name = name;
  return error;
}
