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

/** An error for the program. It holds nothing that the app has added to the request. */
export function fetchError(code: FetchErrorCode, why: string, retryable = false): ToolError {
  const error = new ToolError(`fetch failed: ${why}`, { code: `FETCH_${code}`, retryable });
  error.name = "FetchError";
  return error;
}
