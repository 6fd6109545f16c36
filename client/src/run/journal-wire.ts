import { type CallResult, CallKind, CallState, Journal, JournalEntry } from "@codemode/proto/messages";
import type { CallProgress, JournalEntry as Entry } from "./journal.ts";

/** What one message may hold: an executor takes 4 MiB, and this leaves room for what surrounds it. */
export const MAX_PIECE_BYTES = 3_670_016;
const MAX_PIECE_ENTRIES = 1_000; // an executor takes no message of too many fields
const ENTRY_OVERHEAD = 8; // its tag and its length

const KINDS = {
  tool: CallKind.CALL_KIND_TOOL,
  agent: CallKind.CALL_KIND_AGENT,
  timer: CallKind.CALL_KIND_TIMER,
  next: CallKind.CALL_KIND_NEXT,
} as const satisfies Record<Entry["kind"], CallKind>;

const STATES = {
  pending: CallState.CALL_STATE_PENDING,
  succeeded: CallState.CALL_STATE_SUCCEEDED,
  failed: CallState.CALL_STATE_FAILED,
  cancelled: CallState.CALL_STATE_CANCELLED,
} as const satisfies Record<CallProgress, CallState>;

/**
 * The journal for the wire, in pieces of one message each, the first of at most `firstBytes`. Of the settled calls, those
 * up to `told` in settle order are told as settled, the others as pending.
 */
export function toPieces(entries: readonly Entry[], told: number, firstBytes: number): Journal[] {
  const pieces: Journal[] = [{ entries: [], more: false }];
  let room = firstBytes;
  for (const entry of entries) {
    const wire = toWireEntry(entry, told);
    const bytes = JournalEntry.encode(wire).finish().length + ENTRY_OVERHEAD;
    let piece = pieces.at(-1)!;
    const isFull = bytes > room || piece.entries.length === MAX_PIECE_ENTRIES;
    if (isFull && (piece.entries.length > 0 || pieces.length === 1)) {
      piece.more = true;
      piece = { entries: [], more: false };
      pieces.push(piece);
      room = MAX_PIECE_BYTES;
    }
    piece.entries.push(wire);
    room -= bytes;
  }
  return pieces;
}

function toWireEntry(entry: Entry, told: number): JournalEntry {
  const { seq, kind, name, argumentsHash, settleOrder = 0 } = entry;
  const asked = { seq, kind: KINDS[kind], name, argumentsHash };
  if (settleOrder > told) return { ...asked, ...UNSETTLED, state: CallState.CALL_STATE_PENDING };
  if (settleOrder === 0) return { ...asked, ...UNSETTLED, state: STATES[entry.state] };
  return {
    ...asked,
    state: STATES[entry.state],
    result: entry.result?.result,
    settleOrder,
    settledAt: entry.settledAt,
  };
}

const UNSETTLED = { result: undefined as CallResult["result"], settleOrder: 0, settledAt: undefined };
