import {
  type Call,
  CallKind,
  type CallResult,
  type ClientMessage,
  type Journal as JournalOnWire,
  Start,
} from "@codemode/proto/messages";
import { type Gate, violation } from "./gate.ts";
import { isSameCall, type Journal, type JournalEntry } from "./journal.ts";
import { MAX_PIECE_BYTES, toPieces } from "./journal-wire.ts";

// Link
// ==========================================================================
// What one stream has been told of a run, and what it has asked of it. A run has at most one at a time.
//
// L1  A stream makes its calls in the order of their seqs, each once, but for those that its Start had as ended.
// L2  A call that the journal has is joined, never started again by this app; one that differs from it ends the run as Diverged.
// L3  Answers go in settle order. One goes once its call was made on this stream; none overtakes another. Nothing waits for
//     ever: what a program did before it made a call had settled before that call did.
// L4  A journal that is sent has as settled exactly the calls whose answers this stream has.

const MAX_UNSENT_BYTES = 16_777_216; // enough to keep a fast network busy, and what an executor that does not read can cost

type Event = NonNullable<ClientMessage["event"]>;
type HasResult = Pick<CallResult, "result">;

/** What a link says to its executor. Calls `onSent` when it is on its way. */
export type Say = (event: Event, onSent?: () => void) => void;

/** See the head of this file. */
export class Link {
  readonly #journal: Journal;
  readonly #gate: Gate;
  readonly #say: Say;
  /** Calls that Start had as settled: those up to this place in settle order. */
  readonly #atStart: number;
  /** Calls whose answers this stream has. As answers go in settle order, one number tells which. */
  #told: number;
  /** The last call that was made on this stream. */
  #made = 0;
  /** Bytes of answers that this stream has yet to pass on, those of journals among them. */
  #unsent = 0;

  /** Says `start`, with the journal so far. */
  constructor(journal: Journal, gate: Gate, start: Start, say: Say) {
    this.#journal = journal;
    this.#gate = gate;
    this.#say = say;
    this.#atStart = this.#told = journal.settled;
    const [first, ...more] =
      journal.size === 0 ? [] : this.#pieces(MAX_PIECE_BYTES - Start.encode(start).finish().length);
    this.#sayAnswers({ $case: "start", value: { ...start, journal: first } }, first?.entries ?? []);
    for (const piece of more) this.#sayAnswers({ $case: "journal", value: piece }, piece.entries);
  }

  /** False when the executor has so much to read that no other answer is to be made for it. */
  get hasRoom(): boolean {
    return this.#unsent < MAX_UNSENT_BYTES;
  }

  /**
   * Starts a call, or joins it.
   *
   * @throws {@link ExecutorClientError} when the executor may not ask for it, {@link Divergence} when it asked for another.
   */
  call(call: Call): void {
    const due = this.#due();
    if (call.seq !== due) throw violation(`made call ${call.seq} where ${due} was due`);
    const known = this.#journal.get(due);
    if (!known) this.#gate.admit(call);
    else if (!isSameCall(known, call)) throw Divergence.between(known, call);
    else this.#gate.join(known, call);
    this.#made = due;
    this.settled();
  }

  /** Nobody waits for this call any more. */
  cancelCall(seq: number): void {
    const entry = this.#journal.get(seq);
    if (!entry || (seq > this.#made && !this.#hadEnded(entry))) {
      throw violation(`cancelled call ${seq}, which it never made`);
    }
    this.#gate.cancel(entry, new DOMException("The program no longer waits for this call", "AbortError"));
  }

  /** Sends what may be sent now (L3). To be called whenever a call has settled. */
  settled(): void {
    for (;;) {
      const next = this.#journal.settledAs(this.#told + 1);
      if (!next?.result || next.seq > this.#made) return;
      this.#told += 1;
      this.#sayAnswers({ $case: "callResult", value: next.result }, [next.result]);
    }
  }

  /** Sends the whole journal as this stream knows it (L4). */
  sendJournal(): void {
    for (const piece of this.#pieces(MAX_PIECE_BYTES)) {
      this.#sayAnswers({ $case: "journal", value: piece }, piece.entries);
    }
  }

  #sayAnswers(event: Event, answers: readonly HasResult[]): void {
    const bytes = answers.reduce((sum, answer) => sum + bytesOf(answer), 0);
    this.#unsent += bytes;
    this.#say(event, () => {
      this.#unsent -= bytes;
      this.#gate.goOn();
    });
  }

  #pieces(firstBytes: number): JournalOnWire[] {
    return toPieces(this.#journal.entries(), this.#told, firstBytes);
  }

  #due(): number {
    let seq = this.#made + 1;
    for (let entry = this.#journal.get(seq); entry && this.#hadEnded(entry); entry = this.#journal.get(seq)) seq += 1;
    return seq;
  }

  /** Whether Start had the call as ended. Only for one that was not made on this stream, so that nobody here cancelled it. */
  #hadEnded({ state, settleOrder = Infinity }: JournalEntry): boolean {
    return state === "cancelled" || settleOrder <= this.#atStart;
  }
}

/** What an answer has to say, in bytes, about. */
export function bytesOf({ result }: HasResult): number {
  if (result?.$case !== "error") return result?.$case === "value" ? result.value.data.length : 0;
  const { name, message, code } = result.value;
  return Buffer.byteLength(name) + Buffer.byteLength(message) + Buffer.byteLength(code);
}

/** The program did not do what it did in an earlier attempt. */
export class Divergence extends Error {
  static between(known: JournalEntry, call: Call): Divergence {
    const [was, is] = [subjectOf(known.kind === "timer", known.name), subjectOf(isTimer(call), call.name)];
    const difference =
      was === is ? `another ${is === "timer" ? "delay" : "input"} for ${is}` : `${is} instead of ${was}`;
    return new Divergence(
      `Call ${known.seq} came with ${difference}: the program did not do what it did in an earlier attempt`,
    );
  }
}

function isTimer({ kind }: Call): boolean {
  return kind === CallKind.CALL_KIND_TIMER;
}

function subjectOf(isOfTimer: boolean, name: string): string {
  return isOfTimer ? "timer" : JSON.stringify(name.slice(0, 128));
}
