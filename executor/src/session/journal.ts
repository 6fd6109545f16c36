import { argumentsHash } from "@codemode/proto";
import { type Call, CallKind, type CallResult, type JournalEntry, RunErrorType } from "@codemode/proto/messages";
import { bytesOf, type CallProgress, inOwnMemory, progressOf } from "./journal-entry.ts";
import type { Keep } from "./keep.ts";
import { failure, type Failure } from "./outcome.ts";
import { Refusal } from "./refusal.ts";
import type { CallReport } from "./report.ts";

/** One call, as far as this stream knows of it. */
interface Known {
  readonly kind: CallKind;
  readonly name: string;
  /** As text of one byte a character: a Buffer would keep the whole message that it came in. */
  readonly hash: string;
  state: CallProgress;
  /** When the app was asked for it on this stream, if it was. */
  askedAt: number | undefined;
}

const KNOWN_BYTES = 300; // what V8 takes for one, with a long name

/**
 * The calls of one run and their answers in the order in which they settled: what its program is run again from. The
 * answers may be let go when they grow too large; the app, which owns the journal, is then asked for them.
 */
export class Journal {
  readonly #calls: Known[] = [];
  readonly #keep: Keep;
  readonly #told: (call: CallReport) => void;
  #answers: CallResult[] | undefined = [];
  #bytes = 0;
  /** Of all answers, kept or not. */
  #bytesInAll = 0;
  #open = 0;
  #openTimers = 0;
  /** Answers in all, kept or not. */
  answered = 0;

  /** `told` hears of each call that the app was asked for, when it is over. */
  constructor(keep: Keep, told: (call: CallReport) => void) {
    this.#keep = keep;
    this.#told = told;
  }

  /** The answers in their order; undefined when they were let go. */
  get answers(): readonly CallResult[] | undefined {
    return this.#answers;
  }

  /** Calls that are neither answered nor cancelled. */
  get open(): number {
    return this.#open;
  }

  /** Calls that have been issued, in this or an earlier life of the program. */
  get size(): number {
    return this.#calls.length;
  }

  /** Of all answers, kept or not. */
  get bytes(): number {
    return this.#bytesInAll;
  }

  /** Whether the program can be run again with its answers. */
  get isReplayable(): boolean {
    return this.#bytesInAll <= this.#keep.limits.replayBytes;
  }

  /** Takes a call that the app tells of, in the order of seqs. Throws a Refusal when it contradicts what is known here. */
  recallCall(entry: JournalEntry, field: string): void {
    const { seq, kind, name } = entry;
    const hash = textOf(entry.argumentsHash);
    const state = progressOf(entry);
    const known = this.#calls[seq - 1];
    if (!known) return this.#know({ kind, name, hash, state, askedAt: undefined });
    if (known.kind !== kind || known.name !== name || known.hash !== hash) {
      throw new Refusal(field, "it is not the call that was made here");
    }
    if (known.state === "open" && state === "answered") throw new Refusal(`${field}.state`, "its answer has not come");
  }

  /** Takes the answers of those calls, in the order in which they settled, and what they hold in bytes. */
  recallAnswers(answers: CallResult[], bytes: number): void {
    this.#letGo();
    this.#answers = answers;
    this.answered = answers.length;
    this.#bytesInAll = this.#bytes = bytes;
    this.#keep.answerBytes += bytes;
  }

  /** What is to be done with a call that the program has issued. */
  issue(call: Call): "ask" | "wait" | Failure {
    const hash = textOf(argumentsHash(call));
    const known = this.#calls[call.seq - 1];
    if (!known) {
      this.#know({ kind: call.kind, name: call.name, hash, state: "open", askedAt: performance.now() });
      return "ask";
    }
    if (known.kind !== call.kind || known.name !== call.name || known.hash !== hash) {
      const message = `Call ${call.seq} is not the one that was made before: "${known.name || "a timer"}" with other arguments, or another tool`;
      return failure(RunErrorType.RUN_ERROR_TYPE_DIVERGED, message);
    }
    if (known.state !== "open" || known.askedAt !== undefined) return "wait";
    known.askedAt = performance.now();
    return "ask";
  }

  /** True when the app is to be told that nobody waits for the call any more. */
  cancel(seq: number): boolean {
    const known = this.#calls[seq - 1];
    if (known?.state !== "open") return false; // its answer and this crossed, or it was so before
    this.#close(known, "cancelled");
    this.#tell(known, "cancelled");
    return true;
  }

  /** True when the answer is for the program; false when it crossed a cancellation. Throws a Refusal otherwise. */
  answer(result: CallResult): boolean {
    const known = this.#calls[result.seq - 1];
    if (known?.askedAt === undefined || known.state === "answered") {
      throw new Refusal("call_result.seq", `call ${result.seq} was not made, or is answered already`);
    }
    if (known.state === "cancelled") {
      known.askedAt = undefined; // one answer may cross, not another
      return false;
    }
    this.#close(known, "answered");
    this.answered += 1;
    this.#tell(known, result.result?.$case === "error" ? "error" : "ok");
    this.#take(result);
    return true;
  }

  /** Calls that are neither answered nor cancelled, by their seqs. */
  get awaited(): number[] {
    return this.#calls.flatMap(({ state }, index) => (state === "open" ? [index + 1] : []));
  }

  /** True when what is neither answered nor cancelled are timers. */
  get awaitsTimersOnly(): boolean {
    return this.#openTimers === this.#open;
  }

  /** Forgets the answers when they are more than may be kept. Not while somebody reads them. */
  trim(): void {
    const { answerBytesOfRun, answerBytes } = this.#keep.limits;
    if (this.#bytes > answerBytesOfRun || this.#keep.answerBytes > answerBytes) this.#letGo();
  }

  /** To be called when the run is over. */
  dispose(): void {
    this.#letGo();
    for (const known of this.#calls) if (known.state === "open") this.#tell(known, "abandoned");
    this.#keep.callBytes -= this.#calls.length * KNOWN_BYTES;
    this.#calls.length = 0;
  }

  #know(call: Known): void {
    this.#calls.push(call);
    this.#keep.callBytes += KNOWN_BYTES;
    if (call.state !== "open") return;
    this.#open += 1;
    if (call.kind === CallKind.CALL_KIND_TIMER) this.#openTimers += 1;
  }

  #close(known: Known, state: "answered" | "cancelled"): void {
    known.state = state;
    this.#open -= 1;
    if (known.kind === CallKind.CALL_KIND_TIMER) this.#openTimers -= 1;
  }

  #tell({ kind, name, askedAt }: Known, outcome: CallReport["outcome"]): void {
    if (askedAt !== undefined) this.#told({ kind, name, outcome, durationMs: performance.now() - askedAt });
  }

  #take(result: CallResult): void {
    const bytes = bytesOf(result);
    this.#bytesInAll += bytes;
    if (!this.#answers) return;
    this.#answers.push(inOwnMemory(result));
    this.#bytes += bytes;
    this.#keep.answerBytes += bytes;
  }

  #letGo(): void {
    this.#keep.answerBytes -= this.#bytes;
    this.#bytes = 0;
    this.#answers = undefined;
  }
}

function textOf(hash: Buffer): string {
  return hash.toString("latin1");
}
