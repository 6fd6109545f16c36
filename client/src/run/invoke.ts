import type { Call, CallError, Value } from "@codemode/proto/messages";
import type { CallInfo, Component } from "../registry/component.ts";
import { inputError, messageOf, outputError, timeoutError, toCallError } from "./call-error.ts";
import type { JournalEntry } from "./journal.ts";
import { argumentsFromWire, toWire } from "./values.ts";

/** What every handler of a run is called with. */
export interface InvokeOptions {
  /** For one handler, in milliseconds. No limit when absent. */
  readonly toolTimeoutMs: number | undefined;
  /** For one answer, in bytes. */
  readonly maxAnswerBytes: () => number;
  /** Makes the call info, all but the signal. */
  readonly info: (seq: number) => Omit<CallInfo, "signal">;
  /** Calls `body` in the context of the run. */
  readonly inContext: <T>(body: () => T) => T;
}

/** How a call ended. Neither: it succeeded without a value. */
export interface Answer {
  readonly value?: Value;
  readonly error?: CallError;
}

/** Calls the handler of `component`, between its two schemas. Never throws. */
export async function invoke(
  component: Component,
  call: Call,
  entry: JournalEntry,
  controller: AbortController,
  options: InvokeOptions,
): Promise<Answer> {
  try {
    const checked = await checkInput(component, call);
    if (!checked.ok) return { error: inputError(checked.message) };
    if (entry.state !== "pending") return {}; // given up while its schema was asked
    entry.handled = true;
    const info = Object.freeze({ ...options.info(entry.seq), signal: controller.signal });
    const handled = options.inContext(async () => component.handle(checked.value, info));
    const output = await inTime(component.name, handled, controller, options.toolTimeoutMs);
    return await toAnswer(component, output, options.maxAnswerBytes());
  } catch (error) {
    return { error: error instanceof Overdue ? error.callError : toCallError(error) };
  }
}

async function checkInput(component: Component, call: Call) {
  try {
    return await component.input.check(argumentsFromWire(call.arguments));
  } catch (error) {
    return { ok: false, message: messageOf(error) } as const;
  }
}

async function toAnswer(component: Component, output: unknown, maxBytes: number): Promise<Answer> {
  try {
    const checked = await component.output.check(output);
    return checked.ok ? { value: toWire(checked.value, maxBytes) } : { error: outputError(checked.message) };
  } catch (error) {
    return { error: outputError(messageOf(error)) };
  }
}

async function inTime<T>(
  name: string,
  work: Promise<T>,
  controller: AbortController,
  timeoutMs: number | undefined,
): Promise<T> {
  if (timeoutMs === undefined) return work;
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const overdue = new Overdue(timeoutError(name, timeoutMs));
    late.reject(overdue); // before the abort, so that a handler which rejects on it does not come first
    controller.abort(new DOMException(overdue.message, "TimeoutError"));
  }, timeoutMs);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

class Overdue extends Error {
  readonly callError: CallError;

  constructor(callError: CallError) {
    super(callError.message);
    this.callError = callError;
  }
}
