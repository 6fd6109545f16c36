import { createHash } from "node:crypto";
import { CallKind, CallState, type JournalEntry, type Start, type Value } from "@codemode/proto";
import { encode } from "@codemode/proto/values";
import type { Stream } from "./executor-fixture.ts";

// Runs of one tool, `ask`, and their journals.

export const ask = { name: "ask", description: "", inputSchemaJson: "", outputSchemaJson: "" };
export const withAsk: Partial<Start> = { components: { $case: "manifest", value: { tools: [ask], agents: [] } } };
export const other = "return await tools.ask({ of: 'another run' })";
export const noBudgets = { wallTime: undefined, waitTime: undefined, cpuTime: undefined };

const inBytes = (value: unknown): Value => ({ encoding: 1, data: Buffer.from(encode(value)) });

/** An entry of the journal: of a call of `ask` with `input`, answered with `value` in the place `settleOrder`. */
export function settled(seq: number, input: unknown, value: unknown, settleOrder: number = seq): JournalEntry {
  return {
    seq,
    kind: CallKind.CALL_KIND_TOOL,
    name: "ask",
    argumentsHash: createHash("sha256").update(inBytes(input).data).digest(),
    state: CallState.CALL_STATE_SUCCEEDED,
    result: { $case: "value", value: inBytes(value) },
    settleOrder,
    settledAt: new Date(1_700_000_000_000 + settleOrder),
  };
}

export function pending(seq: number, input: unknown): JournalEntry {
  const state = CallState.CALL_STATE_PENDING;
  return { ...settled(seq, input, null), state, result: undefined, settleOrder: 0, settledAt: undefined };
}

export function sendJournal(stream: Stream, ...entries: JournalEntry[]): void {
  stream.send({ $case: "journal", value: { entries, more: false } });
}

/** The value that a stream ends with. */
export async function valueOf(stream: Stream): Promise<unknown> {
  const { result } = await stream.next("finished");
  return result?.$case === "value" ? JSON.parse(result.value.data.toString()) : result?.value;
}

/** What a stream has said so far. */
export const kinds = ({ seen }: Stream): string[] => seen.map(({ $case }) => $case);

/** A run that waits for call 1 without a worker, because another one waits on the only one. */
export async function parked(
  open: () => Stream,
  start: Partial<Start> = {},
  code = "return await tools.ask(1)",
): Promise<{ stream: Stream; holder: Stream }> {
  const stream = open();
  stream.start(code, { ...withAsk, ...start });
  await stream.next("idle");
  const holder = open();
  holder.start(other, withAsk);
  await holder.next("idle");
  return { stream, holder };
}
