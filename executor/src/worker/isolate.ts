import { readFileSync } from "node:fs";
import ivm from "isolated-vm";
import type { AnswerKind, Ask } from "../guest/host.ts";
import { now } from "./now.ts";
import { warmUp } from "./warm-up.ts";

/** How guest code tells the worker; every argument is a primitive. */
export type Receive = (kind: string, ...values: (string | number | boolean)[]) => void;

// Each worker makes its own: a snapshot from outside would be trusted with the heap of every isolate.
const snapshot = ivm.Isolate.createSnapshot(
  [{ code: readFileSync(new URL("guest.js", import.meta.url), "utf8"), filename: "codemode:guest" }],
  warmUp,
);

/** One isolate with the guest harness in it, for one run. */
export class Isolate {
  readonly #isolate: ivm.Isolate;
  readonly #start: ivm.Reference;
  readonly #settle: ivm.Reference;
  readonly #stuck: ivm.Reference;

  constructor(heapMib: number, receive: Receive, ask: Ask) {
    this.#isolate = new ivm.Isolate({ snapshot, memoryLimit: heapMib });
    const { global } = this.#isolate.createContextSync();
    const boot = global.getSync("codemodeBoot", { reference: true });
    global.setSync("codemodeSend", new ivm.Callback(receive));
    global.setSync("codemodeAsk", new ivm.Callback(ask));
    boot.applySync(undefined, []);
    this.#start = global.getSync("codemodeStart", { reference: true });
    this.#settle = global.getSync("codemodeSettle", { reference: true });
    this.#stuck = global.getSync("codemodeStuck", { reference: true });
    boot.applySync(undefined, []);
    boot.release();
  }

  /** Enters the guest for at most `ms`. What it says comes in through `receive`. */
  start(ms: number, source: string, ...given: [settings: string, context: string, config: string]): Entry {
    return this.#enter(this.#start, ms, [source, ...given]);
  }

  /** As `start`. */
  settle(ms: number, seq: number, kind: AnswerKind, text: string, clock: number): Entry {
    return this.#enter(this.#settle, ms, [seq, kind, text, clock]);
  }

  /** The index of the `await` at which the program stands; -1 when that is not known. */
  stuck(): number {
    try {
      return Number(this.#stuck.applySync(undefined, [], { timeout: STUCK_MS }));
    } catch {
      return -1;
    }
  }

  /** Out of memory: V8 or isolated-vm has ended it. Its error texts can be forged by a program; this cannot. */
  get isDead(): boolean {
    return this.#isolate.isDisposed;
  }

  /** Bytes on the heap and in buffers. */
  get heapBytes(): number {
    if (this.isDead) return 0;
    const { used_heap_size, externally_allocated_size } = this.#isolate.getHeapStatisticsSync();
    return used_heap_size + externally_allocated_size;
  }

  dispose(): void {
    if (!this.isDead) this.#isolate.dispose();
  }

  #enter(entry: ivm.Reference, ms: number, values: (string | number | boolean)[]): Entry {
    const before = now();
    try {
      // A time-out of isolated-vm does not end everything: the edge watches this process and ends it from outside. But
      // this one tells where the program was.
      entry.applySync(undefined, values, { timeout: Math.max(1, Math.ceil(ms)) });
      return {};
    } catch (error) {
      const { message, stack } = textsOf(error);
      // Anything that nobody awaits ends up here, with a text of the program's choice; the clock is not its choice.
      return now() - before >= ms ? { overdue: stack } : { unhandled: { message, stack } };
    }
  }
}

/** What is left to say when the guest has been left. */
export interface Entry {
  /** The stack of a program that was stopped because its time was over. */
  readonly overdue?: string;
  /** A rejection that nobody has handled, in the program's words. */
  readonly unhandled?: { readonly message: string; readonly stack: string };
}

const STUCK_MS = 100;
const MAX_TEXT = 8_000; // characters

function textsOf(error: unknown): { message: string; stack: string } {
  if (!(error instanceof Error)) return { message: String(error).slice(0, MAX_TEXT), stack: "" };
  return { message: error.message.slice(0, MAX_TEXT), stack: (error.stack ?? "").slice(0, MAX_TEXT) };
}
