import { DOMException } from "./dom-exception.ts";
import { EventTarget, fire } from "./event-target.ts";
import { type SignalState, signalStates } from "./signal-state.ts";

type SetTimer = (callback: () => void, milliseconds: number) => unknown;

let setTimer: SetTimer;
let mayConstruct = false;

/** With which timer `AbortSignal.timeout` waits: a program may replace the global one. */
export function startSignals(timer: SetTimer): void {
  setTimer = timer;
}

export class AbortSignal extends EventTarget {
  #onabort: ((this: AbortSignal, event: unknown) => unknown) | null = null;
  #handled = false;

  constructor() {
    if (!mayConstruct) throw new TypeError("Illegal constructor");
    super();
    const state = { aborted: false, reason: undefined, algorithms: new Set(), dependents: new Set() };
    signalStates.set(this, { ...state, sources: new Set() } as SignalState);
  }

  static abort(reason: unknown = aborted()): AbortSignal {
    const signal = make();
    Object.assign(stateOf(signal), { aborted: true, reason });
    return signal;
  }

  static timeout(milliseconds: unknown): AbortSignal {
    if (arguments.length === 0) throw new TypeError("AbortSignal.timeout needs a number of milliseconds");
    const delay = Number(milliseconds);
    if (!(delay > -1 && delay <= Number.MAX_SAFE_INTEGER)) throw new TypeError("The milliseconds are out of range");
    const signal = make();
    const message = "The operation was aborted due to timeout";
    setTimer(() => abort(signal, new DOMException(message, "TimeoutError")), Math.trunc(delay));
    return signal;
  }

  static any(signals: Iterable<unknown>): AbortSignal {
    const all = [...signals].map((signal) => [signal as AbortSignal, stateOf(signal)] as const);
    const result = make();
    const state = stateOf(result);
    const first = all.find(([, { aborted }]) => aborted);
    if (first) {
      Object.assign(state, { aborted: true, reason: first[1].reason });
      return result;
    }
    for (const [signal, { sources }] of all) {
      for (const source of sources.size > 0 ? sources : [signal]) {
        state.sources.add(source);
        stateOf(source).dependents.add(result);
      }
    }
    return result;
  }

  get aborted(): boolean {
    return stateOf(this).aborted;
  }

  get reason(): unknown {
    return stateOf(this).reason;
  }

  throwIfAborted(): void {
    const { aborted, reason } = stateOf(this);
    if (aborted) throw reason;
  }

  get onabort(): unknown {
    return this.#onabort;
  }

  set onabort(value: unknown) {
    this.#onabort = typeof value === "function" || typeof value === "object" ? (value as never) : null;
    if (this.#onabort === null || this.#handled) return;
    this.#handled = true; // its place among the listeners is that of the first time
    super.addEventListener("abort", (event: unknown) => {
      if (typeof this.#onabort === "function") this.#onabort(event);
    });
  }
}

export class AbortController {
  readonly #signal = make();

  get signal(): AbortSignal {
    return this.#signal;
  }

  abort(reason: unknown = aborted()): void {
    abort(this.#signal, reason);
  }
}

function make(): AbortSignal {
  mayConstruct = true;
  try {
    return new AbortSignal();
  } finally {
    mayConstruct = false;
  }
}

/** Marks the signal and those made of it, then tells: whoever hears of one abort finds all of them done. */
function abort(signal: AbortSignal, reason: unknown): void {
  const state = stateOf(signal);
  if (state.aborted) return;
  Object.assign(state, { aborted: true, reason });
  const dependents = [...state.dependents].filter((dependent) => !stateOf(dependent).aborted);
  for (const dependent of dependents) Object.assign(stateOf(dependent), { aborted: true, reason });
  for (const each of [signal, ...dependents]) {
    const { algorithms } = stateOf(each);
    for (const algorithm of algorithms) algorithm();
    algorithms.clear();
    fire(each, "abort");
  }
}

function stateOf(signal: unknown): SignalState {
  const state = signalStates.get(signal as object);
  if (!state) throw new TypeError("This is no AbortSignal");
  return state;
}

function aborted(): DOMException {
  return new DOMException("This operation was aborted", "AbortError");
}
