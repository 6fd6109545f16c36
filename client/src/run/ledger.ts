import type { JournalEntry } from "./journal.ts";
import type { CallRecord } from "./outcome.ts";

/** What the app can say of the calls of a run. Timers stay out, and a stream is one call, with all of its items. */
export function toLedger(entries: readonly JournalEntry[]): readonly CallRecord[] {
  return entries.map(toRecord).filter((record) => record !== undefined);
}

export function toRecord(entry: JournalEntry): CallRecord | undefined {
  const { seq, name, kind, startedAt, stream } = entry;
  if (kind === "timer" || kind === "next") return undefined;
  const state = stateOf(entry);
  const endedAt = stream ? entry.streamedAt : entry.settledAt;
  const isOver = state === "succeeded" || state === "failed";
  const duration = isOver && endedAt ? { durationMs: endedAt.getTime() - startedAt.getTime() } : {};
  return { seq, name, kind, state, startedAt, ...duration };
}

const STREAMS = {
  open: "pending",
  ended: "succeeded",
  failed: "failed",
  left: "unknown", // told to stop, as a handler is whose call is given up
} as const;

function stateOf(entry: JournalEntry): CallRecord["state"] {
  switch (entry.state) {
    case "succeeded":
    case "failed":
      return entry.stream ? STREAMS[entry.stream] : entry.state;
    case "cancelled":
      return entry.called ? "unknown" : "not started"; // told to stop: its effect may be there or not
    case "pending":
      return entry.called ? "pending" : "not started";
  }
}
