import type { Call, CallError, Value } from "@codemode/proto/messages";
import type { CallInfo, Component } from "../registry/component.ts";
import type { Checked } from "../registry/issues.ts";
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
  /** Records how far a call is. Rejects when it could not, or when the run is no longer ours. */
  readonly record: (entry: JournalEntry) => Promise<void>;
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
    // Most schemas answer at once: then one record says that the call was made and that its handler is called.
    let checked = checkInput(component, call);
    if (checked instanceof Promise || !checked.ok) {
      await options.record(entry);
      checked = await checked;
    }
    if (!checked.ok) return { error: inputError(checked.message) };
    if (entry.state !== "pending") return {}; // given up while its schema was asked
    entry.handled = true;
    await options.record(entry);
    if (isOver(entry)) return {};
    entry.called = true;
    const info = Object.freeze({ ...options.info(entry.seq), signal: controller.signal });
    const handled = options.inContext(async () => component.handle(checked.value, info));
    const output = await inTime(component.name, handled, controller, options.toolTimeoutMs);
    return await toAnswer(component, output, options.maxAnswerBytes());
  } catch (error) {
    return { error: error instanceof Overdue ? error.callError : toCallError(error) };
  }
}

/** Given up while it was recorded. */
function isOver({ state }: JournalEntry): boolean {
  return state !== "pending";
}

function checkInput(component: Component, call: Call): Checked | Promise<Checked> {
  const refuse = (error: unknown): Checked => ({ ok: false, message: messageOf(error) });
  try {
    const checked = component.input.check(argumentsFromWire(call.arguments));
    return checked instanceof Promise ? checked.catch(refuse) : checked;
  } catch (error) {
    return refuse(error);
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
