import { argumentsHash } from "@codemode/proto";
import { type Call, CallKind, type CallResult } from "@codemode/proto/messages";
import { isLast, type ItemRequest, linkItems, toItemRequest } from "./item-calls.ts";

/** How far a call is. `cancelled`: the program gave it up, or the run ended, before it settled. */
export type CallProgress = "pending" | "succeeded" | "failed" | "cancelled";

/** What is known of one call. The app is the one owner of it. */
export interface JournalEntry {
  readonly seq: number;
  readonly kind: "tool" | "agent" | "timer" | "next";
  /** Of the tool or agent, whose stream it is where the kind is `next`; empty for a timer. */
  readonly name: string;
  /** SHA-256 of what was asked, so that another attempt can be told from another program. */
  readonly argumentsHash: Buffer;
  readonly startedAt: Date;
  state: CallProgress;
  /** True from before the handler is called, as it is recorded. */
  handled: boolean;
  /** True from the moment the handler is called, or may have been by an app that has died. */
  called: boolean;
  /** When it settled; absent for a cancelled one. */
  settledAt?: Date;
  /** Place in the order in which calls settled, from 1; absent for a cancelled one. */
  settleOrder?: number;
  /** Of a call for the items of a stream: whose, and what. */
  items?: ItemRequest | undefined;
  /** Of a call that has returned a stream: how far that is. `left`: the run was over before it. */
  stream?: "open" | "ended" | "failed" | "left";
  /** Of a stream that has ended: when. */
  streamedAt?: Date;
  /** The answer, as it is sent however often. */
  result?: CallResult;
}

/** The record of one run: what its program asked of the app, and what became of it. In memory. */
export class Journal {
  readonly #entries: JournalEntry[];
  /** In the order in which they settled. */
  readonly #settled: JournalEntry[];
  /** Of these, how many are recorded, so that others may hear of them. */
  #told: number;
  #pending: number;
  #lastSettledAt: number;

  /** Takes `entries`, which an app before us has recorded. By seq, without gaps. */
  constructor(entries: readonly JournalEntry[] = []) {
    this.#entries = [...entries];
    linkItems(this.#entries);
    for (const entry of this.#entries) this.#follow(entry);
    this.#settled = entries
      .filter(({ settleOrder }) => settleOrder !== undefined)
      .toSorted((a, b) => (a.settleOrder ?? 0) - (b.settleOrder ?? 0));
    this.#told = this.#settled.length;
    this.#pending = entries.filter(({ state }) => state === "pending").length;
    this.#lastSettledAt = this.#settled.at(-1)?.settledAt?.getTime() ?? 0;
  }

  get size(): number {
    return this.#entries.length;
  }

  /** Calls that have not ended. */
  get pending(): number {
    return this.#pending;
  }

  /** Calls that have an answer which others may hear of. */
  get settled(): number {
    return this.#told;
  }

  get(seq: number): JournalEntry | undefined {
    return this.#entries[seq - 1];
  }

  entries(): readonly JournalEntry[] {
    return this.#entries;
  }

  /** The call that settled in this place, from 1, when others may hear of it. */
  settledAs(order: number): JournalEntry | undefined {
    return order > this.#told ? undefined : this.#settled[order - 1];
  }

  /** Opens the entry of the next call. The caller has checked that `call.seq` is the next one. */
  open(call: Call): JournalEntry {
    const entry: JournalEntry = {
      seq: call.seq,
      kind: kindOf(call),
      name: call.name,
      argumentsHash: argumentsHash(call),
      startedAt: new Date(),
      state: "pending",
      handled: false,
      called: false,
      ...(call.kind === CallKind.CALL_KIND_NEXT && { items: toItemRequest(call.arguments) }),
    };
    this.#entries.push(entry);
    this.#pending += 1;
    return entry;
  }

  /**
   * Gives a call its answer, before anybody hears of it: its place in the order, and its time, which never goes back in
   * that order even where the clock does. False when the call had ended before: the first end stands.
   */
  settle(entry: JournalEntry, state: "succeeded" | "failed", answer: CallResult["result"]): boolean {
    if (!this.#end(entry, state)) return false;
    this.#lastSettledAt = Math.max(this.#lastSettledAt, Date.now());
    const settledAt = new Date(this.#lastSettledAt);
    entry.settledAt = settledAt;
    entry.result = { seq: entry.seq, result: answer, settledAt };
    this.#settled.push(entry);
    entry.settleOrder = this.#settled.length;
    this.#follow(entry);
    return true;
  }

  /** The call whose stream `entry` asks for items, if it does. */
  streamOf({ items }: { readonly items?: { readonly of: number } | undefined }): JournalEntry | undefined {
    return items && this.get(items.of);
  }

  /** Keeps how far a stream is with the call that has returned it. */
  #follow(entry: JournalEntry): void {
    if (entry.result?.result?.$case === "stream") entry.stream = "open";
    const of = this.streamOf(entry);
    if (of?.stream !== "open" || (!entry.items?.isEnd && !isLast(entry))) return;
    of.stream = entry.state === "failed" ? "failed" : "ended";
    if (entry.settledAt) of.streamedAt = entry.settledAt;
  }

  /** The next answer in the order of settling is recorded: others may hear of it. */
  tell(): void {
    this.#told += 1;
  }

  /** Records that nobody waits for a call any more. False when it had ended before. */
  cancel(entry: JournalEntry): boolean {
    return this.#end(entry, "cancelled");
  }

  #end(entry: JournalEntry, state: Exclude<CallProgress, "pending">): boolean {
    if (entry.state !== "pending") return false;
    this.#pending -= 1;
    entry.state = state;
    return true;
  }
}

/** True when `call` asks for what `entry` is of. */
export function isSameCall(entry: JournalEntry, call: Call): boolean {
  return entry.kind === kindOf(call) && entry.name === call.name && entry.argumentsHash.equals(argumentsHash(call));
}

function kindOf(call: Call): JournalEntry["kind"] {
  if (call.kind === CallKind.CALL_KIND_TIMER) return "timer";
  if (call.kind === CallKind.CALL_KIND_NEXT) return "next";
  return call.kind === CallKind.CALL_KIND_AGENT ? "agent" : "tool";
}
