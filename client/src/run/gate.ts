import { type Call, CallKind, type CallError, type CallResult, MAX_TIMER_MS } from "@codemode/proto/messages";
import { ExecutorClientError } from "../errors.ts";
import type { Component } from "../registry/component.ts";
import type { ComponentSet } from "../registry/component-set.ts";
import { type Answer, inTime, invoke, type InvokeOptions } from "./invoke.ts";
import type { Journal, JournalEntry } from "./journal.ts";
import { toCallError } from "./call-error.ts";
import { DONE, LOST, toItemRequest } from "./item-calls.ts";
import type { LiveStream } from "./live-stream.ts";

// Gate
// ==========================================================================
// Stands between an executor, which is not trusted, and the handlers of the app.
//
// A1  Only the components of this run are called, looked up in a Map of our own.
// A2  A handler is called at most once per seq, over all attempts. A stream that breaks stops none of them. Where an app has
//     died, the next calls only those that it did not, and those of tools that are declared idempotent.
// A3  A handler sees only input that its schema let pass, in the context of its own run.
// A4  A call settles once. What settles later is dropped. Who is told of it, and when, is the business of the Link.
// A5  The limits of the app hold whatever the executor says.
// A6  A stream that a handler has returned is read as the program asks, and stopped when the program, or the run, is over. One
//     that has ended with its app is in doubt like a call, when the program wants more of it.
// A7  That a handler is called is recorded before it is called, and how a call ended before anybody is told. What could not
//     be recorded does not happen.
// A8  No more handlers run than calls may be in flight, those that were given up and have not come back included, and none is
//     started while the executor leaves its answers unread. A call waits for that here.

const MAX_ARGUMENT_BYTES = 1_048_576; // the ceiling of every executor
const MAX_STREAMS = 64; // of one run that are open at a time: each may have a quarter of a MiB ahead of its program

/** What a gate must know of its run. */
export interface GateOptions extends InvokeOptions {
  readonly journal: Journal;
  /** What this run may call. */
  readonly components: ComponentSet;
  /** Calls in all, and at a time. */
  readonly maxCalls: number;
  readonly maxCallsInFlight: number;
  /** Whether the executor has read enough of its answers. `goOn` is called when that may have changed. */
  readonly hasRoom: () => boolean;
  /** Told when a call starts, and when its end is recorded. */
  readonly onChange: (entry: JournalEntry) => void;
  /** Told after that when a call has an answer. */
  readonly onSettled: () => void;
  /** Called instead of a handler or a timer, where there are to be none. Throws. */
  readonly refuse?: ((call: Call) => never) | undefined;
}

/** See the head of this file. */
export class Gate {
  readonly #options: GateOptions;
  readonly #open = new Map<JournalEntry, AbortController>();
  /** Streams that handlers have returned, by the seq of their calls. */
  readonly #streams = new Map<number, LiveStream>();
  /** Handlers that have not come back, those whose call was given up among them. */
  #running = 0;
  /** What starts the calls that wait for room, in their order. */
  readonly #waiting = new Map<JournalEntry, () => void>();
  #isClosed = false;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /**
   * Starts a call, the next of the journal.
   *
   * @throws {@link ExecutorClientError} when the executor may not ask for this, {@link Doubt} when it asks for more of a
   * stream that has ended with its app.
   */
  admit(call: Call): void {
    const { journal, maxCallsInFlight } = this.#options;
    this.#options.refuse?.(call);
    const component = this.#check(call);
    if (journal.pending >= maxCallsInFlight) throw violation(`made more than ${maxCallsInFlight} calls at a time`);
    const entry = journal.open(call);
    if (this.isInDoubt(entry)) {
      this.#options.record(entry).catch(() => {}); // whoever records ends the run
      throw new Doubt();
    }
    this.#begin(entry, call, component, call.delayMs);
  }

  /** Waits for a call that was made before; starts it when the app that began it has died. */
  join(entry: JournalEntry, call: Call): void {
    if (entry.state !== "pending" || this.#open.has(entry) || this.#options.refuse) return;
    this.#begin(entry, call, this.#check(call), leftOf(call, entry));
  }

  /** Starts the calls that wait, as far as there is room. */
  goOn(): void {
    for (const [entry, start] of this.#waiting) {
      if (!this.#hasRoom) return;
      this.#waiting.delete(entry);
      start();
    }
  }

  /** Gives a call up: its handler's signal fires, and no answer will come. Of no effect when it has ended. */
  cancel(entry: JournalEntry, reason: unknown): void {
    if (!this.#options.journal.cancel(entry)) return; // it settled while the word was on its way
    this.#release(entry)?.abort(reason);
    this.#whenRecorded(entry, () => this.#options.onChange(entry));
  }

  /**
   * Stops every handler, because the run ends here: for what `why` says, or because it is over. Nothing of it is recorded: should
   * the run go on, they are in doubt.
   */
  close(why?: unknown): void {
    const { journal, onChange } = this.#options;
    this.#isClosed = true;
    if (this.#streams.size === 0 && journal.pending === 0) return; // as a rule: a reason has a stack, which takes time
    const reason = why === undefined ? new DOMException("The run is over", "AbortError") : why;
    for (const [seq, stream] of this.#streams) {
      const entry = journal.get(seq);
      if (entry?.stream === "open") entry.stream = stream.source === "open" ? "left" : stream.source;
      stream.stop(reason);
    }
    this.#streams.clear();
    for (const entry of journal.entries()) {
      if (!journal.cancel(entry)) continue;
      this.#release(entry)?.abort(reason);
      onChange(entry);
    }
  }

  /** True when only somebody who knows what an app that has died did can tell how the call ended. */
  isInDoubt(entry: JournalEntry): boolean {
    const { state, kind, name, called } = entry;
    if (state !== "pending" || kind === "timer" || this.#open.has(entry)) return false;
    if (kind === "next") return !entry.items?.isEnd && this.#isLost(entry) && !this.#componentOf(entry)?.idempotent;
    return called && !this.#options.components.get(kind, name)?.idempotent;
  }

  #begin(entry: JournalEntry, call: Call, component: Component | undefined, delayMs: number): void {
    const { onChange, record } = this.#options;
    const controller = new AbortController();
    this.#open.set(entry, controller);
    onChange(entry);
    const isInvoked = component && entry.kind !== "next";
    const waits = component && !this.#hasRoom;
    if (!isInvoked || waits) record(entry).catch(() => {}); // whoever records ends the run
    if (!component) return void pause(delayMs, controller.signal).then((answered) => this.#settle(entry, answered));
    const start = () =>
      void this.#run(
        entry,
        isInvoked ? invoke(component, call, entry, controller, this.#options) : this.#next(component, entry),
      );
    if (waits) this.#waiting.set(entry, start);
    else start();
  }

  async #run(entry: JournalEntry, work: Promise<Answer>): Promise<void> {
    this.#running += 1;
    const answer = await work;
    this.#running -= 1;
    this.#settle(entry, answer);
    this.goOn();
  }

  get #hasRoom(): boolean {
    return this.#running < this.#options.maxCallsInFlight && this.#options.hasRoom();
  }

  #check(call: Call): Component | undefined {
    const { components, maxCalls } = this.#options;
    if (call.seq > maxCalls) throw violation(`made more than the ${maxCalls} calls that this run may make`);
    if ((call.arguments?.data.length ?? 0) > MAX_ARGUMENT_BYTES) throw violation("sent arguments of more than 1 MiB");
    if (call.kind === CallKind.CALL_KIND_TIMER) {
      if (call.name !== "" || call.arguments) throw violation("gave a timer a name or arguments");
      return undefined;
    }
    if (call.kind === CallKind.CALL_KIND_NEXT) return this.#checkNext(call);
    const kind = call.kind === CallKind.CALL_KIND_TOOL ? "tool" : "agent";
    if (kind === "agent" && call.kind !== CallKind.CALL_KIND_AGENT) throw violation("made a call of no known kind");
    const component = components.get(kind, call.name);
    if (!component)
      throw violation(`called the ${kind} ${JSON.stringify(call.name.slice(0, 128))}, which this run does not have`);
    return component;
  }

  /** The component whose stream is asked for items. */
  #checkNext(call: Call): Component {
    const of = this.#options.journal.streamOf({ items: toItemRequest(call.arguments) });
    const component = of?.name === call.name && of.stream ? this.#componentOf({ items: { of: of.seq } }) : undefined;
    if (!component) throw violation("asked for items of what is no stream");
    return component;
  }

  #componentOf(entry: { readonly items?: { readonly of: number } | undefined }): Component | undefined {
    const of = this.#options.journal.streamOf(entry);
    return of && of.kind !== "timer" && of.kind !== "next" ? this.#options.components.get(of.kind, of.name) : undefined;
  }

  #isLost({ items }: JournalEntry): boolean {
    return items === undefined || !this.#streams.has(items.of);
  }

  async #next(component: Component, { items }: JournalEntry): Promise<Answer> {
    const stream = items && this.#streams.get(items.of);
    if (items?.isEnd) {
      stream?.stop(new DOMException("The program wants no more of this stream", "AbortError"));
      return { value: DONE };
    }
    if (!stream) return { error: LOST };
    const { maxAnswerBytes, toolTimeoutMs } = this.#options;
    const { controller } = stream;
    const answer = await inTime(component.name, stream.take(maxAnswerBytes()), controller, toolTimeoutMs);
    if (controller.signal.aborted) stream.stop(controller.signal.reason); // it took too long
    return answer;
  }

  #settle(entry: JournalEntry, { value, error, stream }: Answer): void {
    const { journal, onChange, onSettled } = this.#options;
    const failure = error ?? (stream && this.#openStreams >= MAX_STREAMS ? TOO_MANY : undefined);
    let answer: CallResult["result"];
    if (failure) answer = { $case: "error", value: failure };
    else if (stream) answer = { $case: "stream", value: {} };
    else if (value) answer = { $case: "value", value };
    const isFirst = journal.settle(entry, failure ? "failed" : "succeeded", answer);
    if (!isFirst || failure || this.#isClosed) stream?.stop(new DOMException("Nobody reads this stream", "AbortError"));
    else if (stream) this.#streams.set(entry.seq, stream);
    if (!isFirst) return;
    this.#release(entry);
    this.#whenRecorded(entry, () => {
      journal.tell();
      const of = journal.streamOf(entry);
      if (entry.stream !== "open" && of?.stream !== "open") onChange(of ?? entry);
      onSettled();
    });
  }

  get #openStreams(): number {
    return this.#streams.values().reduce((count, { isOver }) => count + (isOver ? 0 : 1), 0);
  }

  /** In the order in which it was called: so records are made. */
  #whenRecorded(entry: JournalEntry, tell: () => void): void {
    void this.#options.record(entry).then(tell, () => {}); // whoever records ends the run
  }

  #release(entry: JournalEntry): AbortController | undefined {
    const controller = this.#open.get(entry);
    this.#open.delete(entry);
    this.#waiting.delete(entry);
    return controller;
  }
}

/** A timer whose app has died is due when it would have been. */
function leftOf({ delayMs }: Call, { startedAt }: JournalEntry): number {
  return delayMs - Math.max(0, Date.now() - startedAt.getTime());
}

const TOO_MANY: CallError = {
  ...toCallError(
    new RangeError(`A run may have ${MAX_STREAMS} streams open at a time: read one to its end, or leave it`),
  ),
  code: "TOO_MANY_STREAMS",
};

function pause(delayMs: number, signal: AbortSignal): Promise<Answer> {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  const timer = setTimeout(() => resolve({}), delayMs > 0 ? Math.min(delayMs, MAX_TIMER_MS) : 0);
  const stop = () => {
    clearTimeout(timer);
    resolve({});
  };
  signal.addEventListener("abort", stop, { once: true });
  return promise;
}

/** The run cannot go on before somebody tells what an app that has died did. */
export class Doubt extends Error {}

/** The executor did what the protocol does not allow. Nothing it says is taken as true from here on. */
export function violation(what: string): ExecutorClientError {
  return new ExecutorClientError("PROTOCOL", `The executor does not keep to the protocol: it ${what}`);
}
