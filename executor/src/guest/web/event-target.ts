import { primordials } from "@codemode/proto/values";
import { DOMException } from "./dom-exception.ts";
import { Event, type EventState, stateOf } from "./event.ts";
import { signalStates } from "./signal-state.ts";
import { toDictionary, toText } from "./web-idl.ts";

type Callback = ((this: EventTarget, event: Event) => unknown) | { handleEvent?: unknown };

interface Listener {
  readonly type: string;
  readonly callback: Callback;
  readonly capture: boolean;
  readonly once: boolean;
  readonly passive: boolean;
  removed: boolean;
}

/** The EventTarget of DOM §2.7, without a tree. */
export class EventTarget {
  #listeners: readonly Listener[] = [];

  addEventListener(type: unknown, callback: unknown, ...[options]: unknown[]): void {
    if (arguments.length < 2) throw new TypeError("addEventListener needs a type and a listener");
    const name = toText(type);
    const listened = toCallback(callback);
    const capture = captures(options);
    const { once, passive, signal } = (typeof options === "boolean" ? {} : toDictionary(options)) as {
      once?: unknown;
      passive?: unknown;
      signal?: object;
    };
    const state = signal === undefined ? undefined : signalStates.get(signal);
    if (signal !== undefined && !state) throw new TypeError("The signal of a listener is no AbortSignal");
    if (state?.aborted || !listened || this.#find(name, listened, capture)) return;
    const listener: Listener = {
      type: name,
      callback: listened,
      capture,
      once: Boolean(once),
      passive: Boolean(passive),
      removed: false,
    };
    this.#listeners = [...this.#listeners, listener];
    state?.algorithms.add(() => this.#remove(listener));
  }

  removeEventListener(type: unknown, callback: unknown, ...[options]: unknown[]): void {
    if (arguments.length < 2) throw new TypeError("removeEventListener needs a type and a listener");
    const name = toText(type);
    const listened = toCallback(callback);
    const capture = captures(options);
    const listener = listened && this.#find(name, listened, capture);
    if (listener) this.#remove(listener);
  }

  dispatchEvent(event: unknown): boolean {
    const state = stateOf(event);
    if (!state) throw new TypeError("dispatchEvent needs an Event");
    if (state.dispatching) throw new DOMException("The event is already being dispatched.", "InvalidStateError");
    state.trusted = false;
    return this.#dispatch(event as Event, state);
  }

  /** Dispatches an event of the platform's own. */
  static fire(target: EventTarget, type: string): void {
    const event = new Event(type);
    const state = stateOf(event) as EventState;
    state.trusted = true;
    target.#dispatch(event, state);
  }

  #dispatch(event: Event, state: EventState): boolean {
    state.dispatching = true;
    state.target = this;
    // Who is added meanwhile is not called, and who is removed is not called any more. Those that capture come first.
    for (const capture of [true, false]) {
      if (state.stopped) break;
      for (const listener of this.#listeners) {
        if (state.stoppedAtOnce) break;
        if (listener.type === state.type && listener.capture === capture && !listener.removed) {
          if (listener.once) this.#remove(listener);
          state.passive = listener.passive;
          this.#call(listener.callback, event);
          state.passive = false;
        }
      }
    }
    state.dispatching = false;
    state.stopped = false;
    state.stoppedAtOnce = false;
    return !state.canceled;
  }

  #call(callback: Callback, event: Event): void {
    try {
      if (typeof callback === "function") {
        primordials.apply(callback, this, [event]);
        return;
      }
      const { handleEvent } = callback;
      if (typeof handleEvent !== "function") throw new TypeError("The listener's handleEvent is no function");
      primordials.apply(handleEvent, callback, [event]);
    } catch (error) {
      // It does not stop the others. Nobody is there to catch it: the same as a promise that nobody handles.
      void new primordials.Promise<never>(() => {
        throw error;
      });
    }
  }

  #find(type: string, callback: Callback, capture: boolean): Listener | undefined {
    return this.#listeners.find(
      (listener) => listener.type === type && listener.callback === callback && listener.capture === capture,
    );
  }

  #remove(listener: Listener): void {
    listener.removed = true;
    this.#listeners = this.#listeners.filter((other) => other !== listener);
  }
}

export const { fire } = EventTarget;
Reflect.deleteProperty(EventTarget, "fire");

function toCallback(value: unknown): Callback | null {
  if (value === undefined || value === null) return null;
  if (typeof value !== "function" && typeof value !== "object") throw new TypeError("The listener is no function");
  return value;
}

function captures(options: unknown): boolean {
  if (typeof options === "boolean") return options;
  return Boolean((toDictionary(options) as { capture?: unknown }).capture);
}
