import { createHash } from "node:crypto";
import type { CallError, Value } from "@codemode/proto/messages";
import { toCallError } from "./call-error.ts";
import type { JournalEntry } from "./journal.ts";
import { fromWire, toWire } from "./values.ts";

// What programs and apps say to each other of a stream, by calls of the kind `next` (PROTOCOL.md).

/** Which stream is asked for items, or told that no more are wanted. */
export interface ItemRequest {
  /** Seq of the call that has returned it. */
  readonly of: number;
  readonly isEnd: boolean;
}

/** Undefined when it is nothing that a guest of ours says. */
export function toItemRequest(value: Value | undefined): ItemRequest | undefined {
  try {
    const { of, end } = fromWire(value) as { of?: unknown; end?: unknown };
    return Number.isSafeInteger(of) ? { of: of as number, isEnd: end === true } : undefined;
  } catch {
    return undefined;
  }
}

/** Throws what `encode` throws. */
export function itemsAnswer(items: readonly unknown[], maxBytes: number): Value {
  return toWire({ items, done: false }, maxBytes);
}

/** The last of a stream, on the word of somebody who knows. Throws what `encode` throws. */
export function lastItems(items: readonly unknown[], maxBytes: number): Value {
  return toWire({ items, done: true }, maxBytes);
}

/** There are no more. */
export const DONE: Value = lastItems([], Infinity);

/** The app that ran the handler is gone, and its stream with it. Only of tools that may be called again. */
export const LOST: CallError = {
  ...toCallError(new Error("The stream ended with the app that ran its handler")),
  name: "StreamLostError",
  code: "STREAM_LOST",
};

/** True when the answer to a call for items says that there are no more. */
export function isLast({ state, result }: JournalEntry): boolean {
  if (state === "failed") return true;
  if (result?.result?.$case !== "value") return false;
  try {
    return (fromWire(result.result.value) as { done?: unknown }).done === true;
  } catch {
    return true; // nobody can read on
  }
}

/** Tells of recorded calls for items whose streams they are of: only the hashes of their arguments are kept. */
export function linkItems(entries: readonly JournalEntry[]): void {
  if (!entries.some(({ kind }) => kind === "next")) return;
  const requests = new Map<string, ItemRequest>();
  for (const { seq, result } of entries) {
    if (result?.result?.$case !== "stream") continue;
    requests.set(hashOf({ of: seq }), { of: seq, isEnd: false });
    requests.set(hashOf({ of: seq, end: true }), { of: seq, isEnd: true });
  }
  for (const entry of entries) {
    if (entry.kind === "next") entry.items = requests.get(entry.argumentsHash.toString("latin1"));
  }
}

function hashOf(request: object): string {
  return createHash("sha256").update(JSON.stringify(request)).digest().toString("latin1");
}
