import { access, type ComponentKind } from "@codemode/proto/discovery";
import { hide, decode, primordials } from "@codemode/proto/values";
import { setClock } from "./clock.ts";
import { blame, refuse } from "./failures.ts";
import type { AnswerKind, RunSettings, Send } from "./host.ts";
import { type AskNext, createItemStream } from "./item-stream.ts";
import { stackOf } from "./stack.ts";

const { mapGet, mapSet, mapDelete, mapForEach, mapSize, indexOf, slice } = primordials;

const MAX_WARNINGS = 10;

/** How the worker answers a call. `text` is a value in the encoding of `kind`, or JSON of a CallError. */
export type Settle = (seq: number, kind: AnswerKind, text: string, clock: number) => void;

interface CallError {
  readonly type: string;
  readonly name: string;
  readonly message: string;
  readonly code: string;
  readonly retryable: boolean;
}

interface Pending {
  readonly name: string;
  readonly kind: Kind;
  /** What it was called with. */
  readonly input: unknown;
  /** Holds the stack of the call, so that its failure can tell the line that made it. Formatted only then. */
  readonly site: { readonly stack?: string };
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

/** Where a call comes from. */
interface Origin {
  /** What the program called: stacks begin above it. */
  readonly caller: Function;
  readonly input: unknown;
}

type Settled = Pick<Pending, "resolve" | "reject">;
type Kind = ComponentKind | "next" | "timer";

/**
 * The calls of one run: numbers them in the order in which they are issued, 1, 2, 3 …
 *
 * A call over `callsInFlight` has its number but waits here until another settles.
 */
export class Calls {
  readonly #send: Send;
  readonly #settings: RunSettings;
  readonly #pending: object = new primordials.Map();
  readonly #waiting: object = new primordials.Map();
  #issued = 0;
  #inFlight = 0;
  /** The lowest number that may still wait. */
  #nextWaiting = 1;

  constructor(send: Send, settings: RunSettings) {
    this.#send = send;
    this.#settings = settings;
  }

  /** Issues a call. `argument` is encoded, or a timer's delay in milliseconds; `from` is absent where the program has not called a component. */
  issue(kind: Kind, name: string, argument: string, settled: Settled, from?: Origin): number {
    const seq = ++this.#issued;
    const { calls, callsInFlight } = this.#settings.limits;
    if (seq > calls) {
      // Final for the run, so that a program cannot catch its way past the limit.
      refuse(this.#send, "CallLimit", `The run may make ${calls} calls and this is one more`);
      return seq;
    }
    const site = {};
    if (from) primordials.captureStackTrace(site, from.caller);
    const { resolve, reject } = settled;
    mapSet(this.#pending, seq, { kind, name, input: from?.input, site, resolve, reject });
    const start = (): void => {
      this.#inFlight++;
      this.#send("call", seq, kind, name, argument);
    };
    if (this.#inFlight < callsInFlight) start();
    else mapSet(this.#waiting, seq, start);
    return seq;
  }

  /** Gives a call up: its answer will not be delivered. */
  cancel(seq: number): void {
    if (!mapDelete(this.#pending, seq)) return;
    const giveUp = (): void => {
      this.#inFlight--;
      this.#send("cancel", seq);
    };
    const start = mapGet(this.#waiting, seq) as (() => void) | undefined;
    if (!start) giveUp();
    else {
      // It has its number already, so it must still be told of: numbers on the wire have no gaps.
      mapSet(this.#waiting, seq, () => {
        start();
        giveUp();
      });
    }
    this.#startWaiting();
  }

  readonly settle: Settle = (seq, kind, text, clock) => {
    const call = mapGet(this.#pending, seq) as Pending | undefined;
    if (!call) return; // given up while its answer was on the way
    mapDelete(this.#pending, seq);
    this.#inFlight--;
    setClock(clock);
    try {
      if (kind === "error") call.reject(toError(seq, call, primordials.parse(text) as CallError));
      else this.#resolve(seq, call, kind, text);
    } finally {
      this.#startWaiting();
    }
  };

  #resolve(seq: number, call: Pending, mode: "exact" | "json" | "stream", text: string): void {
    if (mode === "stream")
      return call.resolve(createItemStream(access(call.kind as ComponentKind, call.name), this.#asker(seq, call)));
    let value: unknown;
    try {
      value = text === "" ? undefined : decode(text, { mode });
    } catch (error) {
      const message = `The answer cannot be read: ${(error as Error).message}`;
      const type = "ToolOutputError";
      return call.reject(toError(seq, call, { type, name: type, message, code: "", retryable: false }));
    }
    call.resolve(value);
  }

  /** Each time that items are asked for is a call of its own: numbered, recorded and answered once. */
  #asker(of: number, { name }: Pending): AskNext {
    return (end) =>
      new primordials.Promise((resolve, reject) => {
        this.issue("next", name, primordials.stringify(end ? { of, end } : { of }), { resolve, reject });
      });
  }

  /** Tells of the calls that nobody has waited for, when the program is over. */
  warnOfPending(): void {
    let told = 0;
    mapForEach(this.#pending, (item, seq) => {
      const { kind, name, site } = item as Pending;
      if (kind === "timer" || kind === "next" || ++told > MAX_WARNINGS) return;
      const text = `${access(kind, name)}() (call ${seq as number}) was not awaited: the run ended before it was answered`;
      this.#send("warn", text, stackOf(site));
    });
  }

  #startWaiting(): void {
    while (mapSize(this.#waiting) > 0 && this.#inFlight < this.#settings.limits.callsInFlight) {
      const start = mapGet(this.#waiting, this.#nextWaiting) as (() => void) | undefined;
      mapDelete(this.#waiting, this.#nextWaiting++);
      if (start) start();
    }
  }
}

function toError(
  seq: number,
  { kind, name: component, input, site }: Pending,
  { type, name, message, code, retryable }: CallError,
): Error {
  const error = new primordials.Error(message);
  hide(error, "name", name || type);
  if (code !== "") hide(error, "code", code);
  if (retryable) hide(error, "retryable", true);
  hide(error, "tool", component);
  const frames = stackOf(site);
  const firstFrame = indexOf(frames, "\n");
  const header = `${name || type}: ${message}`;
  hide(error, "stack", firstFrame === -1 ? header : header + slice(frames, firstFrame));
  const of = kind === "timer" || kind === "next" ? {} : { kind };
  return blame(error, { type, seq, component, code, retryable, input, ...of });
}
