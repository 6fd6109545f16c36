import { CallResult, encodeResult } from "@codemode/proto/messages";
import { CodemodeError } from "@codemode/proto";
import type { CallRow } from "../journal/index.ts";
import type { JournalEntry } from "./journal.ts";

// Between the entries of a journal and the rows that a store keeps of them.

export function toRow(entry: JournalEntry): CallRow {
  const { seq, kind, name, argumentsHash, state, handled, startedAt, settledAt, settleOrder, result } = entry;
  return {
    seq,
    kind,
    name,
    argumentsHash,
    state,
    handled,
    startedAt,
    ...(settledAt && { settledAt }),
    ...(settleOrder !== undefined && { settleOrder }),
    ...(result && { result: encodeResult(result) }),
  };
}

/** What an app before us has recorded. Throws when it does not hang together. */
export function toEntries(executionId: string, rows: readonly CallRow[]): JournalEntry[] {
  const orders = rows.flatMap(({ settleOrder }) => settleOrder ?? []).toSorted((a, b) => a - b);
  const isWhole = rows.every(({ seq }, index) => seq === index + 1) && orders.every((order, at) => order === at + 1);
  if (isWhole) return rows.map(toEntry);
  const run = JSON.stringify(executionId);
  throw new CodemodeError("INTERNAL", `Cannot resume ${run}: its journal has gaps; execute it under another id`);
}

function toEntry(row: CallRow): JournalEntry {
  const { seq, kind, name, argumentsHash, state, handled, startedAt, settledAt, settleOrder, result } = row;
  return {
    seq,
    kind,
    name,
    argumentsHash: Buffer.from(argumentsHash),
    state,
    handled,
    startedAt,
    called: handled,
    ...(settledAt && { settledAt }),
    ...(settleOrder !== undefined && { settleOrder }),
    ...(result && { result: CallResult.decode(result) }),
  };
}
