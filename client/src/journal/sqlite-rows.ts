import type { SQLInputValue, SQLOutputValue } from "node:sqlite";
import type { Ownership } from "./rules.ts";
import { damaged } from "./sqlite-failure.ts";
import type { CallRow, RunRecord, RunState } from "./store.ts";

// Between rows and our types. STRICT tables vouch for the type of each column, not for what it says.

type Row = Record<string, SQLOutputValue>;

/** A row of `runs`, but for what may be long. */
export interface RunRow extends Ownership, Pick<RunRecord, "executionId" | "fingerprint" | "createdAt"> {
  readonly id: number;
  readonly attempts: number;
  readonly manifestHash: Uint8Array | undefined;
}

const kinds = ["tool", "agent", "timer", "next"] as const;
const states = ["pending", "succeeded", "failed", "cancelled"] as const;

export function toRun(row: Row): RunRow {
  return {
    id: Number(row["id"]),
    fence: Number(row["fence"]),
    attempts: Number(row["attempts"]),
    manifestHash: (row["manifest"] as Uint8Array | null) ?? undefined,
    state: toState(row),
    executionId: String(row["execution_id"]),
    fingerprint: String(row["fingerprint"]),
    createdAt: toDate(row["created_at"]),
  };
}

export function toCall(executionId: string, row: Row): CallRow {
  const { settled_at: settledAt, settle_order: settleOrder, result } = row;
  const seq = Number(row["seq"]);
  const call = `call ${seq} of ${JSON.stringify(executionId)}`;
  return {
    seq,
    kind: oneOf(kinds, row["kind"], `${call} is of the kind`),
    name: String(row["name"]),
    argumentsHash: row["arguments_hash"] as Uint8Array,
    state: oneOf(states, row["state"], `${call} has the state`),
    handled: row["handled"] === 1,
    startedAt: toDate(row["started_at"]),
    ...(settledAt === null ? {} : { settledAt: toDate(settledAt) }),
    ...(settleOrder === null ? {} : { settleOrder: Number(settleOrder) }),
    ...(result === null ? {} : { result: result as Uint8Array }),
  };
}

/** The columns of a call from `seq` on, in the order of the table. */
export function fromCall(call: CallRow): SQLInputValue[] {
  const { seq, kind, name, argumentsHash, state, handled, startedAt, settledAt, settleOrder, result } = call;
  const asked = [seq, kind, name, argumentsHash];
  const answered = [settledAt?.getTime() ?? null, settleOrder ?? null, result ?? null];
  return [...asked, state, handled ? 1 : 0, startedAt.getTime(), ...answered];
}

function toState(row: Row): RunState {
  const { owner, leased_until: until, outcome, finished_at: finishedAt } = row;
  if (outcome !== null) return { kind: "finished", outcome: String(outcome), finishedAt: toDate(finishedAt) };
  if (owner !== null) return { kind: "owned", owner: String(owner), until: toDate(until) };
  return { kind: "free" };
}

function toDate(value: SQLOutputValue | undefined): Date {
  const date = new Date(typeof value === "number" ? value : Number.NaN);
  if (Number.isNaN(date.getTime())) throw damaged(`it has ${String(value)} for a time`);
  return date;
}

function oneOf<const T extends readonly string[]>(known: T, value: SQLOutputValue | undefined, what: string) {
  const found = known.find((one) => one === value);
  if (found === undefined) throw damaged(`${what} ${JSON.stringify(value)}, which is none`);
  return found as T[number];
}
