import type { JournalEntry } from "./journal.ts";
import type { CallRecord } from "./outcome.ts";

/** What the app can say of the calls of a run. Timers stay out: they are nobody's tool. */
export function toLedger(entries: readonly JournalEntry[], lost: boolean): readonly CallRecord[] {
  return entries.map((entry) => toRecord(entry, lost)).filter((record) => record !== undefined);
}

/** `lost`: nobody knows how the run went on, so a pending call may have had its effect or not. */
export function toRecord(entry: JournalEntry, lost: boolean): CallRecord | undefined {
  const { seq, name, kind, startedAt, settledAt } = entry;
  if (kind === "timer") return undefined;
  const settled = entry.state === "succeeded" || entry.state === "failed";
  const duration = settled && settledAt ? { durationMs: settledAt.getTime() - startedAt.getTime() } : {};
  return { seq, name, kind, state: stateOf(entry, lost), startedAt, ...duration };
}

function stateOf(entry: JournalEntry, lost: boolean): CallRecord["state"] {
  switch (entry.state) {
    case "succeeded":
    case "failed":
      return entry.state;
    case "cancelled":
      return entry.handled ? "unknown" : "not started";
    case "pending":
      if (!entry.handled) return "not started";
      return lost ? "unknown" : "pending";
  }
}
