import { CodemodeError } from "@codemode/proto";
import type { Journal as Piece, JournalEntry } from "@codemode/proto/messages";
import { BusyError } from "../pool/busy.ts";
import type { RunBudgets } from "./budgets.ts";
import { bytesOfEntry, checkEntry } from "./journal-entry.ts";
import type { Keep } from "./keep.ts";
import { Refusal } from "./refusal.ts";

/** How long the pieces of a journal may take to come, in milliseconds. */
export const JOURNAL_WITHIN_MS = 10_000;

const RETRY_AFTER_MS = 1_000;

/** What a stream ends with whose journal did not come in time. */
export function journalLate(): CodemodeError {
  return new CodemodeError("TIMEOUT", `Cannot wait for the journal any longer than ${JOURNAL_WITHIN_MS} ms`);
}

/** A journal as its pieces come. It is counted in `keep` until it is taken or disposed. */
export class JournalPieces {
  readonly #keep: Keep;
  readonly #budgets: RunBudgets;
  #entries: JournalEntry[] = [];
  #bytes = 0;

  constructor(keep: Keep, budgets: RunBudgets) {
    this.#keep = keep;
    this.#budgets = budgets;
  }

  /**
   * All entries, when the last piece has come. Throws a Refusal when they are not what a journal is, or more than can be
   * replayed, and a BusyError when there is no room for them now.
   */
  add({ entries, more }: Piece): readonly JournalEntry[] | undefined {
    for (const entry of entries) {
      const field = `journal.entries[${this.#entries.length}]`;
      if (entry.seq !== this.#entries.length + 1) {
        throw new Refusal(`${field}.seq`, `${this.#entries.length + 1} is due, not ${entry.seq}`);
      }
      if (entry.seq > this.#budgets.calls) {
        throw new Refusal("journal.entries", `more than the ${this.#budgets.calls} calls of the budget`);
      }
      checkEntry(entry, field, this.#budgets.answerBytes);
      this.#entries.push(entry);
      this.#count(bytesOfEntry(entry));
    }
    const { replayBytes } = this.#keep.limits;
    if (this.#bytes > replayBytes) {
      throw new Refusal("journal", `it is over ${replayBytes} bytes: this executor cannot run its program again`);
    }
    if (this.#keep.isFull) throw new BusyError("Cannot take a journal now: too many runs are open", RETRY_AFTER_MS);
    if (more) return undefined;
    const all = this.#entries;
    this.dispose();
    return all;
  }

  dispose(): void {
    this.#count(-this.#bytes);
    this.#entries = [];
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    this.#keep.arrivingBytes += bytes;
  }
}
