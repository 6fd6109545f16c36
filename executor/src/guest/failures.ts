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

const { slice, weakMapGet, weakMapSet } = primordials;

const MAX_NAME = 100; // characters, like the two below
const MAX_MESSAGE = 4_000;
const MAX_STACK = 8_000;

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

/** Ends the run with what the program threw, each property read once, because it may be a getter of the program's. */
export function fail(send: Send, thrown: unknown): void {
  if (!isError(thrown)) return sendFailure(send, failureOf("RuntimeError"), "", describe(thrown, MAX_MESSAGE), "");
  const read = (key: string, most: number): string => {
    try {
      const value = (thrown as unknown as Record<string, unknown>)[key];
      return typeof value === "string" ? slice(value, 0, most) : "";
    } catch {
      return "";
    }
  };
  const failure = (weakMapGet(failures, thrown) as Failure | undefined) ?? failureOf("RuntimeError");
  sendFailure(send, failure, read("name", MAX_NAME), read("message", MAX_MESSAGE), read("stack", MAX_STACK));
}

/** Ends the run for a reason of ours, which no `catch` of the program's gets past. */
export function refuse(send: Send, type: string, message: string): void {
  sendFailure(send, failureOf(type), "Error", message, "");
}

function sendFailure(send: Send, failure: Failure, name: string, message: string, stack: string): void {
  const { type, seq, component, code, retryable } = failure;
  send("fail", type, name, message, stack, seq, component, code, retryable);
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
