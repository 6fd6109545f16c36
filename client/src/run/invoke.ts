import { type Call, type CallError, MAX_TIMER_MS, type Value } from "@codemode/proto/messages";
import type { CallInfo, Component } from "../registry/component.ts";
import type { Checked } from "../registry/issues.ts";
import { messageOf } from "../thrown.ts";
import { inputError, outputError, timeoutError, toCallError } from "./call-error.ts";
import type { JournalEntry } from "./journal.ts";
import { isAsyncIterable } from "../registry/interfaces.ts";
import { LiveStream } from "./live-stream.ts";
import { inCallSpan } from "../telemetry.ts";
import { argumentsFromWire, toWire } from "./values.ts";

/** What every handler of a run is called with. */
export interface InvokeOptions {
  /** For one call, its schemas included, in milliseconds. No limit when absent. */
  readonly toolTimeoutMs: number | undefined;
  /** For one answer, in bytes. */
  readonly maxAnswerBytes: () => number;
  /** Makes the call info, all but the signal. */
  readonly info: (seq: number) => Omit<CallInfo, "signal">;
  /** Records how far a call is. Rejects when it could not, or when the run is no longer ours. */
  readonly record: (entry: JournalEntry) => Promise<void>;
  /** Calls `body`, which calls the schemas and the handler, in the context of the run. */
  readonly inContext: <T>(body: () => T) => T;
}

/** How a call ended. Neither: it succeeded without a value. */
export interface Answer {
  readonly value?: Value;
  readonly error?: CallError;
  /** Its items are asked for by other calls. */
  readonly stream?: LiveStream;
}

/** Calls the handler of `component`, between its two schemas, within its time. Never throws. */
export async function invoke(
  component: Component,
  call: Call,
  entry: JournalEntry,
  controller: AbortController,
  options: InvokeOptions,
): Promise<Answer> {
  const info = { ...options.info(entry.seq), signal: controller.signal };
  return options.inContext(() =>
    inCallSpan(component, info.idempotencyKey, () => {
      const work = answerOf(component, call, entry, { controller, info }, options);
      return inTime(component.name, work, controller, options.toolTimeoutMs);
    }),
  );
}

/** Throws when `signal` fires before the handler is called: the call was given up, or is overdue, and its end is known. */
async function answerOf(
  component: Component,
  call: Call,
  entry: JournalEntry,
  { controller, info }: { readonly controller: AbortController; readonly info: CallInfo },
  options: InvokeOptions,
): Promise<Answer> {
  const { signal } = info;
  // Most schemas answer at once: then one record says that the call was made and that its handler is called.
  let checked = checkInput(component, call);
  if (checked instanceof Promise || !checked.ok) {
    await options.record(entry);
    checked = await checked;
  }
  if (!checked.ok) return { error: inputError(checked.message) };
  const { value } = checked;
  signal.throwIfAborted();
  entry.handled = true;
  await options.record(entry);
  signal.throwIfAborted();
  entry.called = true;
  const output = await component.handle(value, Object.freeze(info));
  if (!isAsyncIterable(output)) return toAnswer(component, output, options.maxAnswerBytes());
  const check = (item: unknown) => component.output.check(item);
  return { stream: new LiveStream(output, { controller, check, inContext: options.inContext }) };
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

/** What comes of `work`, or that it took too long. Never throws. */
export async function inTime(
  name: string,
  work: Promise<Answer>,
  controller: AbortController,
  timeoutMs: number | undefined,
): Promise<Answer> {
  const answer = work.catch((error: unknown): Answer => ({ error: toCallError(error) }));
  if (timeoutMs === undefined) return answer;
  const late = Promise.withResolvers<Answer>();
  const timer = setTimeout(
    () => {
      const error = timeoutError(name, timeoutMs);
      void answer.then(({ stream }) => stream?.stop(controller.signal.reason));
      late.resolve({ error }); // before the abort, so that a handler which rejects on it does not come first
      controller.abort(new DOMException(error.message, "TimeoutError"));
    },
    Math.min(timeoutMs, MAX_TIMER_MS),
  );
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
