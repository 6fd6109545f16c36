import type { CallResult, Journal as Piece, JournalEntry } from "@codemode/proto/messages";
import { BusyError } from "../pool/busy.ts";
import type { RunBudgets } from "./budgets.ts";
import type { Journal } from "./journal.ts";
import { bytesOf, checkEntry, inOwnMemory, toResult } from "./journal-entry.ts";
import type { Keep } from "./keep.ts";
import { Refusal } from "./refusal.ts";

const RETRY_AFTER_MS = 1_000;

/**
 * What the app tells of a journal, piece by piece: each is dealt with when it comes, so that none of them holds up other
 * runs. The answers are counted in `keep` until the journal has them, or this is disposed.
 */
export class JournalPieces {
  readonly #journal: Journal;
  readonly #keep: Keep;
  readonly #budgets: RunBudgets;
  #calls = 0;
  /** By their place in the order of settling, from 0; they come by seq. */
  #answers: CallResult[] = [];
  #answered = 0;
  #bytes = 0;

  constructor(journal: Journal, keep: Keep, budgets: RunBudgets) {
    this.#journal = journal;
    this.#keep = keep;
    this.#budgets = budgets;
  }

  /**
   * True when the last piece has come, and the journal knows all. Throws a Refusal when the entries are not what a journal
   * is, contradict it, or are more than can be replayed, and a BusyError when there is no room for them now.
   */
  add({ entries, more }: Piece): boolean {
    for (const entry of entries) this.#take(entry);
    const { replayBytes } = this.#keep.limits;
    if (this.#bytes > replayBytes) {
      throw new Refusal("journal", `it is over ${replayBytes} bytes: this executor cannot run its program again`);
    }
    if (this.#keep.isFull) throw new BusyError("Cannot take a journal now: too many runs are open", RETRY_AFTER_MS);
    if (more) return false;
    if (this.#answered < this.#answers.length) {
      const missing = this.#answers.findIndex((answer) => answer === undefined); // which a hole is
      throw new Refusal("journal.entries", `settle_order ${missing + 1} is missing`);
    }
    if (this.#answered < this.#journal.answered) {
      throw new Refusal("journal.entries", "it forgets what was answered here");
    }
    this.#journal.recallAnswers(this.#answers, this.#bytes);
    this.dispose();
    return true;
  }

  dispose(): void {
    this.#count(-this.#bytes);
    this.#answers = [];
  }

  #take(entry: JournalEntry): void {
    const field = `journal.entries[${this.#calls}]`;
    this.#calls += 1;
    if (entry.seq !== this.#calls) throw new Refusal(`${field}.seq`, `${this.#calls} is due, not ${entry.seq}`);
    const { calls, answerBytes } = this.#budgets;
    if (entry.seq > calls) throw new Refusal("journal.entries", `more than the ${calls} calls of the budget`);
    checkEntry(entry, field, answerBytes);
    this.#journal.recallCall(entry, field);
    if (entry.settleOrder === 0) return;
    this.#count(bytesOf(entry));
    const place = entry.settleOrder - 1;
    if (place >= calls || this.#answers[place]) {
      throw new Refusal(`${field}.settle_order`, "another has it, or it is over the number of calls");
    }
    this.#answers[place] = inOwnMemory(toResult(entry));
    this.#answered += 1;
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    this.#keep.arrivingBytes += bytes;
  }
}
