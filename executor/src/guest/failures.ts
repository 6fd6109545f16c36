import {
  encode,
  type EncodeOptions,
  isError,
  primordials,
  UnserializableError,
  ValueTooLargeError,
} from "@codemode/proto/values";
import { describe } from "./console/inspect.ts";
import type { Failure, Send } from "./host.ts";

const { isArray, slice, weakMapGet, weakMapSet } = primordials;

const MAX_NAME = 100; // characters, like the two below
const MAX_MESSAGE = 4_000;
const MAX_STACK = 8_000;
const MAX_BRIEF = 200;
const MAX_CAUSES = 3;

/** Why an error was thrown: kept here, because whatever the error itself carries a program can forge. */
const failures: object = new primordials.WeakMap();

/** A failure that comes from no call of the app's. */
export function failureOf(type: string, component = ""): Failure {
  return { type, seq: 0, component, code: "", retryable: false };
}

/** Remembers why `error` was thrown. */
export function blame(error: Error, failure: Failure): Error {
  weakMapSet(failures, error, failure);
  return error;
}

/** Begins what stands for the stack of a value that has none; the index of its place in the program follows. */
const PLACE = "codemode:place:";

/** Ends the run with what the program threw, each property read once, because it may be a getter of the program's. */
export function fail(send: Send, thrown: unknown, explain: (failure: Failure) => Explanation, place: number): void {
  if (!isError(thrown)) {
    const at = place === -1 ? "" : `${PLACE}${place}`;
    return sendFailure(send, failureOf("RuntimeError"), "", describe(thrown, MAX_MESSAGE), at, none);
  }
  const read = (key: string, most: number): string => {
    try {
      const value = (thrown as unknown as Record<string, unknown>)[key];
      return typeof value === "string" ? slice(value, 0, most) : "";
    } catch {
      return "";
    }
  };
  const failure = (weakMapGet(failures, thrown) as Failure | undefined) ?? failureOf("RuntimeError");
  let explanation = none;
  try {
    explanation = explain(failure);
  } catch {
    // A help, and what it looks at is the program's.
  }
  const name = read("name", MAX_NAME);
  const message = slice(read("message", MAX_MESSAGE) + becauseOf(thrown), 0, MAX_MESSAGE);
  sendFailure(send, failure, name, message, read("stack", MAX_STACK), explanation);
}

/** What an error says of the errors behind it: its causes, or those that it stands for. */
function becauseOf(thrown: Error): string {
  let text = "";
  try {
    let { cause } = thrown;
    for (let depth = 0; depth < MAX_CAUSES && cause !== undefined; depth++) {
      text += `; caused by ${brief(cause)}`;
      cause = isError(cause) ? cause.cause : undefined;
    }
    const { errors } = thrown as { errors?: unknown };
    if (isArray(errors)) {
      for (let index = 0; index < errors.length && index < MAX_CAUSES; index++) text += `; ${brief(errors[index])}`;
    }
  } catch {
    // A help, and what it reads is the program's.
  }
  return text;
}

function brief(thrown: unknown): string {
  if (!isError(thrown)) return describe(thrown, MAX_BRIEF);
  const { name, message } = thrown;
  return slice(
    `${typeof name === "string" ? name : "Error"}: ${typeof message === "string" ? message : ""}`,
    0,
    MAX_BRIEF,
  );
}

/** Ends the run for a reason of ours, which no `catch` of the program's gets past. */
export function refuse(send: Send, type: string, message: string): void {
  sendFailure(send, failureOf(type), "Error", message, "", none);
}

/** What helps to mend a failed call. */
export interface Explanation {
  readonly hint: string;
  readonly signature: string;
}

const none: Explanation = { hint: "", signature: "" };

function sendFailure(
  send: Send,
  failure: Failure,
  name: string,
  message: string,
  stack: string,
  { hint, signature }: Explanation,
): void {
  const { type, seq, component, code, retryable } = failure;
  send("fail", type, name, message, stack, seq, component, code, retryable, hint, signature);
}

/** Whether `encodeForHost` threw it because the value is too large. */
export function isTooLarge(error: unknown): boolean {
  return isError(error) && (weakMapGet(failures, error) as Failure | undefined)?.type === "OutputLimit";
}

/** `encode`, whose refusals become errors of the program's own realm: no class of ours gets into its hands. */
export function encodeForHost(value: unknown, options: EncodeOptions): string {
  try {
    return encode(value, options);
  } catch (error) {
    if (UnserializableError.is(error)) {
      throw blame(new primordials.TypeError(error.message), failureOf("Unserializable"));
    }
    if (ValueTooLargeError.is(error)) {
      throw blame(new primordials.RangeError(error.message), failureOf("OutputLimit"));
    }
    throw error; // of a getter or a `toJSON` of the program's
  }
}
