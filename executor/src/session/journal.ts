import { argumentsHash } from "@codemode/proto";
import {
  type Call,
  CallError,
  CallKind,
  type CallResult,
  CallState,
  type JournalEntry,
  RunErrorType,
} from "@codemode/proto/messages";
import { failure, type Failure } from "./outcome.ts";
import { Refusal } from "./refusal.ts";

/** One call, as far as this stream knows of it. */
interface Known {
  readonly kind: CallKind;
  readonly name: string;
  readonly hash: Buffer;
  state: "open" | "answered" | "cancelled";
  /** The app has been asked for it on this stream. */
  asked: boolean;
}

const MIB = 1024 * 1024;

/** Answers that all sessions together keep, and may keep, in bytes. */
export class Keep {
  bytes = 0;
  readonly maxBytes: number;
  /** Of one run; more is the app's to tell again. */
  readonly maxBytesOfRun: number;

  constructor(maxBytes = 128 * MIB, maxBytesOfRun = 4 * MIB) {
    this.maxBytes = maxBytes;
    this.maxBytesOfRun = maxBytesOfRun;
  }
}

const MAX_RECALLED_BYTES = 64 * MIB;
const ANSWER_OVERHEAD = 64;

/**
 * The calls of one run and their answers in the order in which they settled: what its program is run again from. The
 * answers may be let go when they grow too large; the app, which owns the journal, is then asked for them.
 */
export class Journal {
  readonly #calls: Known[] = [];
  readonly #keep: Keep;
  #answers: CallResult[] | undefined = [];
  #bytes = 0;
  #open = 0;
  /** Answers in all, kept or not. */
  answered = 0;

  constructor(keep: Keep) {
    this.#keep = keep;
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

  /** Takes what the app tells of earlier attempts, or tells again. Throws a Refusal when it contradicts itself or us. */
  recall(entries: readonly JournalEntry[]): void {
    const settled = entries
      .filter(({ settleOrder }) => settleOrder > 0)
      .toSorted((a, b) => a.settleOrder - b.settleOrder);
    for (const [index, { settleOrder }] of settled.entries()) {
      if (settleOrder !== index + 1) throw new Refusal("journal.entries", `settle_order ${index + 1} is missing`);
    }
    if (settled.length < this.answered) throw new Refusal("journal.entries", "it forgets what was answered here");
    for (const [index, entry] of entries.entries()) this.#recallCall(entry, index);
    this.#letGo();
    this.#answers = settled.map(toResult);
    this.answered = settled.length;
    this.#bytes = settled.reduce((sum, entry) => sum + sizeOfEntry(entry), 0);
    this.#keep.bytes += this.#bytes;
  }

  /** What is to be done with a call that the program has issued. */
  issue(call: Call): "ask" | "wait" | Failure {
    const hash = argumentsHash(call);
    const known = this.#calls[call.seq - 1];
    if (!known) {
      this.#calls.push({ kind: call.kind, name: call.name, hash, state: "open", asked: true });
      this.#open += 1;
      return "ask";
    }
    if (known.kind !== call.kind || known.name !== call.name || !known.hash.equals(hash)) {
      const message = `Call ${call.seq} is not the one that was made before: "${known.name || "a timer"}" with other arguments, or another tool`;
      return failure(RunErrorType.RUN_ERROR_TYPE_DIVERGED, message);
    }
    if (known.state !== "open" || known.asked) return "wait";
    known.asked = true;
    return "ask";
  }

  /** True when the app is to be told that nobody waits for the call any more. */
  cancel(seq: number): boolean {
    const known = this.#calls[seq - 1];
    if (known?.state !== "open") return false; // its answer and this crossed, or it was so before
    known.state = "cancelled";
    this.#open -= 1;
    return true;
  }

  /** True when the answer is for the program; false when it crossed a cancellation. Throws a Refusal otherwise. */
  answer(result: CallResult): boolean {
    const known = this.#calls[result.seq - 1];
    if (!known?.asked || known.state === "answered") {
      throw new Refusal("call_result.seq", `call ${result.seq} was not made, or is answered already`);
    }
    if (known.state === "cancelled") return false;
    known.state = "answered";
    this.#open -= 1;
    this.answered += 1;
    this.#take(result);
    return true;
  }

  /** True for a call that may still be answered. */
  isOpen(seq: number): boolean {
    return this.#calls[seq - 1]?.state === "open";
  }

  isTimer(seq: number): boolean {
    return this.#calls[seq - 1]?.kind === CallKind.CALL_KIND_TIMER;
  }

  /** Forgets the answers when they are more than may be kept. Not while somebody reads them. */
  trim(): void {
    if (this.#bytes > this.#keep.maxBytesOfRun || this.#keep.bytes > this.#keep.maxBytes) this.#letGo();
  }

  /** To be called when the run is over. */
  dispose(): void {
    this.#letGo();
  }

  #take(result: CallResult): void {
    if (!this.#answers) return;
    const bytes = sizeOf(result);
    this.#answers.push(result);
    this.#bytes += bytes;
    this.#keep.bytes += bytes;
  }

  #letGo(): void {
    this.#keep.bytes -= this.#bytes;
    this.#bytes = 0;
    this.#answers = undefined;
  }

  #recallCall(entry: JournalEntry, index: number): void {
    const { seq, kind, name, argumentsHash: hash } = entry;
    if (seq !== index + 1) throw new Refusal(`journal.entries[${index}].seq`, `${index + 1} is due, not ${seq}`);
    const state = STATES[entry.state];
    if (!state) throw new Refusal(`journal.entries[${index}].state`, `${entry.state} is not known`);
    if ((state === "answered") !== entry.settleOrder > 0) {
      throw new Refusal(`journal.entries[${index}].settle_order`, "it does not fit the state");
    }
    if (entry.settledAt && Number.isNaN(entry.settledAt.getTime())) {
      throw new Refusal(`journal.entries[${index}].settled_at`, "it is no time");
    }
    const known = this.#calls[index];
    if (!known) {
      this.#calls.push({ kind, name, hash, state, asked: false });
      if (state === "open") this.#open += 1;
      return;
    }
    if (known.kind !== kind || known.name !== name || !known.hash.equals(hash)) {
      throw new Refusal(`journal.entries[${index}]`, "it is not the call that was made here");
    }
    if (known.state === "open" && state === "answered") {
      throw new Refusal(`journal.entries[${index}].state`, "its answer has not come");
    }
  }
}

const STATES: Readonly<Record<number, Known["state"]>> = {
  [CallState.CALL_STATE_PENDING]: "open",
  [CallState.CALL_STATE_SUCCEEDED]: "answered",
  [CallState.CALL_STATE_FAILED]: "answered",
  [CallState.CALL_STATE_CANCELLED]: "cancelled",
};

/** Pieces of a journal as they come, up to a bound. */
export class JournalPieces {
  readonly #entries: JournalEntry[] = [];
  #bytes = 0;

  /** All entries, when the last piece has come. Throws a Refusal over the bound. */
  add(piece: {
    readonly entries: readonly JournalEntry[];
    readonly more: boolean;
  }): readonly JournalEntry[] | undefined {
    for (const entry of piece.entries) {
      this.#bytes += sizeOfEntry(entry);
      this.#entries.push(entry);
    }
    if (this.#bytes > MAX_RECALLED_BYTES) {
      throw new Refusal("journal", `it is over ${MAX_RECALLED_BYTES} bytes: this executor cannot replay the run`);
    }
    return piece.more ? undefined : this.#entries;
  }
}

function toResult({ seq, result, settledAt }: JournalEntry): CallResult {
  return { seq, result, settledAt, more: false };
}

function sizeOfEntry(entry: JournalEntry): number {
  return entry.name.length + entry.argumentsHash.length + sizeOf(toResult(entry));
}

function sizeOf({ result }: CallResult): number {
  if (result?.$case === "error") return ANSWER_OVERHEAD + CallError.encode(result.value).finish().length;
  return ANSWER_OVERHEAD + (result?.value.data.length ?? 0);
}
