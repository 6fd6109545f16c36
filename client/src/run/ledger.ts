import type { JournalEntry } from "./journal.ts";
import type { CallRecord } from "./outcome.ts";

/** What the app can say of the calls of a run. Timers and the items of streams stay out: no handler is called for them. */
export function toLedger(entries: readonly JournalEntry[]): readonly CallRecord[] {
  return entries.map(toRecord).filter((record) => record !== undefined);
}

export function toRecord(entry: JournalEntry): CallRecord | undefined {
  const { seq, name, kind, startedAt, settledAt } = entry;
  if (kind === "timer" || kind === "next") return undefined;
  const settled = entry.state === "succeeded" || entry.state === "failed";
  const duration = settled && settledAt ? { durationMs: settledAt.getTime() - startedAt.getTime() } : {};
  return { seq, name, kind, state: stateOf(entry), startedAt, ...duration };
}

function stateOf(entry: JournalEntry): CallRecord["state"] {
  switch (entry.state) {
    case "succeeded":
    case "failed":
      return entry.state;
    case "cancelled":
      return entry.called ? "unknown" : "not started"; // told to stop: its effect may be there or not
    case "pending":
      return entry.called ? "pending" : "not started";
  }
}
