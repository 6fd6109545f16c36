import { CodemodeError } from "@codemode/proto";
import { CallResult, Start, type Value } from "@codemode/proto/messages";
import type { CallRow, JournalStore, StoredRun } from "../journal/index.ts";
import type { Component, ComponentRegistry } from "../registry/index.ts";
import { toCallError } from "../run/call-error.ts";
import { messageOf } from "../thrown.ts";
import { maxAnswerBytes } from "../run/index.ts";
import { lastItems } from "../run/item-calls.ts";
import { toWire } from "../run/values.ts";

/** What became of a call that was in doubt. */
export type Settlement =
  /**
   * It succeeded, and this is what its handler returned: no larger than an answer to a call may be, and checked by the
   * tool's output schema where it is registered. Of a stream, a list of the items that the program has not had.
   */
  | { readonly value: unknown }
  /** It failed. The program may catch it: name, message and code. */
  | { readonly error: Error | CallFailure }
  /** It had no effect: the handler is to be called again. Not of a stream, whose handler has begun. */
  | "retry";

/** How a call failed, where there is no Error at hand. */
export interface CallFailure {
  readonly name?: string;
  readonly message: string;
  readonly code?: string;
  readonly retryable?: boolean;
}

/** Records what became of a pending call of a run that nobody runs. */
export async function settleCall(
  store: JournalStore,
  registry: ComponentRegistry,
  executionId: string,
  seq: number,
  settlement: Settlement,
): Promise<void> {
  const cannot = `Cannot settle call ${seq} of ${JSON.stringify(executionId)}`;
  let run = await store.load(executionId);
  for (;;) {
    const row = await resolved(run, seq, settlement, registry, cannot);
    try {
      return await store.resolve(executionId, row);
    } catch (error) {
      // Another call that was settled meanwhile may have taken the place of this one in the order.
      const before = settledIn(run);
      run = await store.load(executionId);
      if (settledIn(run) === before) throw error;
    }
  }
}

async function resolved(
  run: StoredRun | undefined,
  seq: number,
  settlement: Settlement,
  registry: ComponentRegistry,
  cannot: string,
): Promise<CallRow> {
  if (!run) throw new CodemodeError("NOT_FOUND", `${cannot}: the run is not recorded`);
  const call = run.calls.find((row) => row.seq === seq);
  if (!call) throw new CodemodeError("NOT_FOUND", `${cannot}: the run has made no such call`);
  // A store would say the same, but it must not look as if a bad value were what is wrong.
  if (call.state !== "pending") throw refused(`${cannot}: it has settled (${call.state})`);
  if (call.kind === "timer") throw refused(`${cannot}: it is a timer, which starts again by itself`);
  return settled(call, run, settlement, registry, cannot);
}

function settledIn(run: StoredRun | undefined): number {
  return run?.calls.filter(({ settleOrder }) => settleOrder !== undefined).length ?? 0;
}

async function settled(
  call: CallRow,
  run: StoredRun,
  settlement: Settlement,
  registry: ComponentRegistry,
  cannot: string,
): Promise<CallRow> {
  if (settlement === "retry") {
    if (call.kind !== "next") return { ...call, handled: false };
    throw refused(
      `${cannot}: it asks for items of a stream, whose handler has begun; say { value: [items] } or { error }`,
    );
  }
  if (typeof settlement !== "object" || settlement === null || "value" in settlement === "error" in settlement) {
    throw refused(`${cannot}: say { value }, { error } or "retry"`);
  }
  const isFailure = "error" in settlement;
  const maxBytes = maxAnswerBytes(Start.decode(run.record.start));
  const answer: CallResult["result"] = isFailure
    ? { $case: "error", value: toCallError(settlement.error) }
    : { $case: "value", value: await checked(call, settlement.value, registry, maxBytes, cannot) };
  const last = run.calls.reduce((latest, { settledAt }) => Math.max(latest, settledAt?.getTime() ?? 0), 0);
  const settledAt = new Date(Math.max(last, Date.now())); // it never goes back in the order of settling
  return {
    ...call,
    state: isFailure ? "failed" : "succeeded",
    settledAt,
    settleOrder: 1 + settledIn(run),
    result: CallResult.encode({ seq: call.seq, result: answer, settledAt }).finish(),
  };
}

async function checked(
  call: CallRow,
  value: unknown,
  registry: ComponentRegistry,
  maxBytes: number,
  cannot: string,
): Promise<Value> {
  const output = componentOf(call, registry)?.output;
  try {
    if (call.kind === "next") return lastItems(await allChecked(value, output), maxBytes);
    const result = output ? await output.check(value) : ({ ok: true, value } as const);
    if (!result.ok) throw new TypeError(result.message);
    return toWire(result.value, maxBytes);
  } catch (cause) {
    throw refused(`${cannot}: ${JSON.stringify(call.name)} cannot have returned this: ${messageOf(cause)}`, cause);
  }
}

async function allChecked(items: unknown, output: Component["output"] | undefined): Promise<unknown[]> {
  if (!Array.isArray(items)) throw new TypeError("what is left of a stream is a list of its items");
  const checked: unknown[] = [];
  for (const item of items) {
    const result = output ? await output.check(item) : ({ ok: true, value: item } as const);
    if (!result.ok) throw new TypeError(`item ${checked.length + 1}: ${result.message}`);
    checked.push(result.value);
  }
  return checked;
}

function componentOf({ kind, name }: CallRow, { components }: ComponentRegistry): Component | undefined {
  if (kind === "tool" || kind === "agent") return components.get(kind, name);
  return components.get("tool", name) ?? components.get("agent", name);
}

function refused(message: string, cause?: unknown): CodemodeError {
  return new CodemodeError("INVALID_ARGUMENT", message, cause === undefined ? {} : { cause });
}
