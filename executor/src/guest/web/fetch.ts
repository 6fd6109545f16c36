import { hide } from "@codemode/proto/values";
import type { AbortSignal } from "./abort.ts";
import { Headers } from "./headers.ts";
import { createPendingPrototype } from "../pending.ts";
import { type Answer, Response, toResponse } from "./response.ts";
import { signalStates } from "./signal-state.ts";
import { hrefOf, URLSearchParams } from "./url.ts";
import { toDictionary, toText } from "./web-idl.ts";

type Tool = (...given: unknown[]) => Promise<unknown>;
type CallTool = (
  name: string,
  input: object,
  caller: Function,
  onIssued: (cancel: () => void) => void,
) => Promise<unknown>;

interface Init {
  readonly method?: unknown;
  readonly headers?: unknown;
  readonly body?: unknown;
  readonly redirect?: unknown;
  readonly signal?: AbortSignal | null;
}

/**
 * `fetch` as the web has it, over the tool of this name: the request is made by the app. An app may have a tool of its own
 * that is called so; what that answers is what it answers.
 */
export function installFetch(global: object, tool: Tool, call: CallTool): void {
  const prototype = createPendingPrototype("fetch");
  const fetch = (...given: unknown[]): Promise<unknown> => {
    const [input, init] = given;
    if (given.length === 1 && isOptions(input)) return tool(input);
    const promise = request(input, init, fetch, call);
    Object.setPrototypeOf(promise, prototype);
    return promise;
  };
  hide(global, "fetch", fetch);
  hide(global, "Headers", Headers);
  hide(global, "Response", Response);
}

/** One object is what the tool takes, as with any other tool. */
function isOptions(input: unknown): boolean {
  return typeof input === "object" && input !== null && hrefOf(input) === undefined;
}

async function request(input: unknown, given: unknown, caller: Function, call: CallTool): Promise<unknown> {
  const init = toDictionary(given) as Init;
  const { signal } = init;
  const state = signal ? signalStates.get(signal) : undefined;
  if (signal && !state) throw new TypeError("The signal of fetch() is no AbortSignal");
  if (state?.aborted) throw state.reason;
  const aborted = Promise.withResolvers<never>();
  aborted.promise.catch(() => {}); // somebody else may come first
  let giveUp: (() => void) | undefined;
  const answer = call("fetch", toInput(input, init), caller, (cancel) => {
    giveUp = () => {
      cancel();
      aborted.reject(state?.reason);
    };
    state?.algorithms.add(giveUp);
  });
  try {
    const answered = await Promise.race([answer, aborted.promise]);
    return isAnswer(answered) ? toResponse(answered) : answered;
  } finally {
    if (giveUp) state?.algorithms.delete(giveUp);
  }
}

function isAnswer(value: unknown): value is Answer {
  return typeof value === "object" && value !== null && (value as Answer).codemode === "response";
}

function toInput(input: unknown, { method, headers: given, body: content, redirect }: Init): object {
  const headers = new Headers(given);
  const body = content === undefined || content === null ? undefined : toBody(content, headers);
  const named = Object.fromEntries(headers);
  return {
    url: hrefOf(input) ?? toText(input),
    ...(method !== undefined && { method: toText(method) }),
    ...(Object.keys(named).length > 0 && { headers: named }),
    ...(body !== undefined && { body }),
    ...(redirect !== undefined && { redirect: toText(redirect) }),
  };
}

function toBody(body: unknown, headers: Headers): string | Uint8Array {
  const typed = (type: string): void => {
    if (!headers.has("content-type")) headers.set("content-type", type);
  };
  if (body instanceof ArrayBuffer) return new Uint8Array(body);
  if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice();
  if (body instanceof URLSearchParams) {
    typed("application/x-www-form-urlencoded;charset=UTF-8");
    return body.toString();
  }
  if (typeof body === "object") throw new TypeError("The body of a request is text or bytes: use JSON.stringify(…)");
  typed("text/plain;charset=UTF-8");
  return toText(body);
}
