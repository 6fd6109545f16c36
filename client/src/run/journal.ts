import { createHash } from "node:crypto";
import { type Call, CallKind, type CallResult } from "@codemode/proto/messages";

/** How far a call is. `cancelled`: the program gave it up, or the run ended, before it settled. */
export type CallProgress = "pending" | "succeeded" | "failed" | "cancelled";

/** What is known of one call. The app is the one owner of it. */
export interface JournalEntry {
  readonly seq: number;
  readonly kind: "tool" | "agent" | "timer";
  /** Of the tool or agent; empty for a timer. */
  readonly name: string;
  /** SHA-256 of what was asked, so that another attempt can be told from another program. */
  readonly argumentsHash: Buffer;
  readonly startedAt: Date;
  state: CallProgress;
  /** True from the moment the handler is called, once. */
  handled: boolean;
  settledAt?: Date;
  /** Place in the order in which calls settled, from 1. */
  settleOrder?: number;
  /** What was answered. */
  result?: CallResult;
}

/** The record of one run: what its program asked of the app, and what became of it. In memory. */
export class Journal {
  readonly #entries: JournalEntry[] = [];
  #settled = 0;
  #pending = 0;

  get size(): number {
    return this.#entries.length;
  }

  /** Calls that have not settled. */
  get pending(): number {
    return this.#pending;
  }

  get(seq: number): JournalEntry | undefined {
    return this.#entries[seq - 1];
  }

  entries(): readonly JournalEntry[] {
    return this.#entries;
  }

  /** Opens the entry of the next call. The caller has checked that `call.seq` is the next one. */
  open(call: Call): JournalEntry {
    const entry: JournalEntry = {
      seq: call.seq,
      kind: kindOf(call),
      name: call.name,
      argumentsHash: hashOf(call),
      startedAt: new Date(),
      state: "pending",
      handled: false,
    };
    this.#entries.push(entry);
    this.#pending += 1;
    return entry;
  }

  /** Records the end of a call before anybody hears of it. False when it had ended before: the first end stands. */
  settle(entry: JournalEntry, state: Exclude<CallProgress, "pending">, result?: CallResult): boolean {
    if (entry.state !== "pending") return false;
    this.#pending -= 1;
    entry.state = state;
    entry.settledAt = result?.settledAt ?? new Date();
    if (result) {
      entry.result = result;
      entry.settleOrder = this.#settled += 1;
    }
    return true;
  }
}

function kindOf(call: Call): JournalEntry["kind"] {
  if (call.kind === CallKind.CALL_KIND_TIMER) return "timer";
  return call.kind === CallKind.CALL_KIND_AGENT ? "agent" : "tool";
}

function hashOf(call: Call): Buffer {
  const asked = call.kind === CallKind.CALL_KIND_TIMER ? String(call.delayMs) : (call.arguments?.data ?? "");
  return createHash("sha256").update(asked).digest();
}
