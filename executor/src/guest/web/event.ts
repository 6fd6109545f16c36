import { currentTime } from "../clock.ts";
import { toDictionary, toText } from "./web-idl.ts";

const FLAGS = { bubbles: false, cancelable: false, composed: false };
const NONE = 0;
const AT_TARGET = 2;

/** What the dispatch of an event needs to know and a program must not change. */
export interface EventState {
  readonly type: string;
  readonly flags: typeof FLAGS;
  readonly timeStamp: number;
  target: EventTarget | null;
  dispatching: boolean;
  passive: boolean;
  canceled: boolean;
  stopped: boolean;
  stoppedAtOnce: boolean;
  trusted: boolean;
}

let origin = 0;

/** From here on events count their milliseconds. */
export function startEvents(): void {
  origin = currentTime();
}

/** An event of DOM §2.2; there is no tree here, so it only ever meets its target. */
export class Event {
  static readonly NONE = NONE;
  static readonly CAPTURING_PHASE = 1;
  static readonly AT_TARGET = AT_TARGET;
  static readonly BUBBLING_PHASE = 3;

  readonly #state: EventState;

  constructor(type: unknown, ...[init]: unknown[]) {
    if (arguments.length === 0) throw new TypeError("An Event needs a type");
    const text = toText(type);
    const { bubbles, cancelable, composed } = toDictionary(init) as Partial<typeof FLAGS>;
    const flags = { bubbles: Boolean(bubbles), cancelable: Boolean(cancelable), composed: Boolean(composed) };
    const timeStamp = currentTime() - origin;
    const state = { target: null, dispatching: false, passive: false, canceled: false, stopped: false };
    this.#state = { type: text, flags, timeStamp, ...state, stoppedAtOnce: false, trusted: false };
    Object.defineProperty(this, "isTrusted", { get: isTrusted, enumerable: true });
  }

  get type(): string {
    return this.#state.type;
  }
  get target(): EventTarget | null {
    return this.#state.target;
  }
  get srcElement(): EventTarget | null {
    return this.#state.target;
  }
  get currentTarget(): EventTarget | null {
    return this.#state.dispatching ? this.#state.target : null;
  }
  composedPath(): EventTarget[] {
    const { dispatching, target } = this.#state;
    return dispatching && target ? [target] : [];
  }
  get eventPhase(): number {
    return this.#state.dispatching ? AT_TARGET : NONE;
  }
  get bubbles(): boolean {
    return this.#state.flags.bubbles;
  }
  get cancelable(): boolean {
    return this.#state.flags.cancelable;
  }
  get composed(): boolean {
    return this.#state.flags.composed;
  }
  get defaultPrevented(): boolean {
    return this.#state.canceled;
  }
  get returnValue(): boolean {
    return !this.#state.canceled;
  }
  set returnValue(value: unknown) {
    if (!value) this.preventDefault();
  }
  get cancelBubble(): boolean {
    return this.#state.stopped;
  }
  set cancelBubble(value: unknown) {
    if (value) this.#state.stopped = true;
  }
  get timeStamp(): number {
    return this.#state.timeStamp;
  }
  preventDefault(): void {
    if (this.#state.flags.cancelable && !this.#state.passive) this.#state.canceled = true;
  }
  stopPropagation(): void {
    this.#state.stopped = true;
  }
  stopImmediatePropagation(): void {
    this.#state.stopped = true;
    this.#state.stoppedAtOnce = true;
  }

  /** The state of an event; undefined for anything else. */
  static stateOf(value: unknown): EventState | undefined {
    return typeof value === "object" && value !== null && #state in value ? value.#state : undefined;
  }
}

export const { stateOf } = Event;
Reflect.deleteProperty(Event, "stateOf");

function isTrusted(this: Event): boolean {
  return stateOf(this)?.trusted ?? false;
}
