import { decode, encode } from "@codemode/proto/values";
import { type CallRecord, Outcome, type OutcomeData, type OutputItem } from "../run/index.ts";

// How an outcome is recorded: JSON. What the program made is in it as texts of the codec, each on its own: one that fitted
// through the wire by itself might not fit beside others.

const DEPTH = { maxDepth: 200 }; // what a reader of values takes, and so what a value that was read may have

type Plain = Omit<OutcomeData<unknown>, "value" | "outputs" | "calls">;
type PlainCall = Omit<CallRecord, "startedAt"> & { readonly startedAt: string };
type PlainItem =
  | { readonly type: "text" | "json"; readonly text: string }
  | { readonly type: "image"; readonly mimeType: string; readonly base64: string };

interface Recorded extends Plain {
  readonly version: 1;
  readonly calls: readonly PlainCall[];
  readonly value: string;
  readonly outputs: readonly PlainItem[];
}

export function encodeOutcome(outcome: Outcome): string {
  const { executionId, correlationId, error, logs, usage, warnings, attempts, interruptions } = outcome;
  const recorded: Recorded = {
    version: 1,
    executionId,
    correlationId,
    error,
    logs,
    usage,
    warnings,
    attempts,
    interruptions,
    calls: outcome.calls.map((call) => ({ ...call, startedAt: call.startedAt.toISOString() })),
    value: encode(outcome.value, { ...DEPTH, stacks: true }),
    outputs: outcome.outputs.map(toPlain),
  };
  return JSON.stringify(recorded);
}

export function decodeOutcome(text: string): Outcome {
  const { value, outputs, calls, ...rest } = JSON.parse(text) as Recorded;
  return new Outcome({
    ...rest,
    value: decode(value, DEPTH),
    outputs: outputs.map(toItem),
    calls: calls.map((call) => ({ ...call, startedAt: new Date(call.startedAt) })),
  });
}

function toPlain(item: OutputItem): PlainItem {
  switch (item.type) {
    case "text":
      return item;
    case "json":
      return { type: "json", text: encode(item.value, { ...DEPTH, stacks: true }) };
    case "image":
      return { type: "image", mimeType: item.mimeType, base64: Buffer.from(item.data).toString("base64") };
  }
}

function toItem(item: PlainItem): OutputItem {
  switch (item.type) {
    case "text":
      return { type: "text", text: item.text };
    case "json":
      return { type: "json", value: decode(item.text, DEPTH) };
    case "image":
      return { type: "image", mimeType: item.mimeType, data: new Uint8Array(Buffer.from(item.base64, "base64")) };
  }
}
