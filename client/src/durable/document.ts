import { CodemodeError } from "@codemode/proto";
import { type CallErrorType, CallResult, Start, toMs, ValueEncoding } from "@codemode/proto/messages";
import { z } from "zod";
import type { CallRow, StoredRun } from "../journal/index.ts";
import { RuntimeContext } from "../registry/index.ts";
import { type Recording, Run, type RunRequest, unrecorded } from "../run/index.ts";

// The journal of a run as a JSON document: for files beside tests, for people and for other programs. Values are texts of
// the codec, as they crossed; what is bytes is base64.

const time = z.iso.datetime().transform((text) => new Date(text));
const bytes = z.base64().transform((text) => new Uint8Array(Buffer.from(text, "base64")));

const callSchema = z.strictObject({
  seq: z.int().positive(),
  kind: z.enum(["tool", "agent", "timer"]),
  name: z.string(),
  argumentsHash: bytes,
  state: z.enum(["pending", "succeeded", "failed", "cancelled"]),
  handled: z.boolean(),
  startedAt: time,
  settledAt: time.optional(),
  settleOrder: z.int().positive().optional(),
  /** What a tool or agent returned; empty stands for undefined. */
  value: z.string().optional(),
  error: z
    .strictObject({
      type: z.int(),
      name: z.string(),
      message: z.string(),
      code: z.string(),
      retryable: z.boolean(),
    })
    .optional(),
});

const documentSchema = z.strictObject({
  version: z.literal(1),
  executionId: z.string(),
  createdAt: time,
  code: z.string(),
  /** What an attempt begins with, but for the code: an encoded Start. */
  start: bytes,
  calls: z.array(callSchema),
});

/** A recorded run as a plain JSON document. `code` is the program; the other fields are for `replay` alone. */
export type JournalDocument = z.input<typeof documentSchema>;

type CallDocument = JournalDocument["calls"][number];

export function toDocument({ record, calls }: StoredRun): JournalDocument {
  const { code, ...start } = Start.decode(record.start);
  return {
    version: 1,
    executionId: record.executionId,
    createdAt: record.createdAt.toISOString(),
    code,
    start: Buffer.from(Start.encode({ ...start, code: "" }).finish()).toString("base64"),
    calls: calls.map(toCallDocument),
  };
}

/**
 * The run of a document, to be run again with no handler called.
 *
 * @throws CodemodeError `INVALID_ARGUMENT` when it is no such document.
 */
export function toReplay(document: unknown, onLog: RunRequest["onLog"]): Run {
  const parsed = documentSchema.safeParse(document);
  if (!parsed.success) throw unreadable(z.prettifyError(parsed.error));
  const { executionId, code, calls } = parsed.data;
  let start: Start;
  let rows: CallRow[];
  try {
    start = { ...Start.decode(parsed.data.start), code };
    rows = calls.map(toCallRow);
  } catch (error) {
    throw unreadable(error instanceof Error ? error.message : String(error));
  }
  const recording: Recording = { ...unrecorded(start), calls: rows, isReplay: true };
  return new Run({ ...toRequest(executionId, start), onLog }, recording);
}

function toRequest(executionId: string, { code, correlationId, fileName, budgets }: Start): RunRequest {
  const maxResultBytes = budgets?.resultBytes === undefined ? {} : { maxResultBytes: Number(budgets.resultBytes) };
  return {
    executionId,
    correlationId,
    code,
    fileName,
    tools: new Map(),
    agents: new Map(),
    context: new RuntimeContext(),
    config: {},
    budgets: { timeoutMs: budgets?.wallTime ? toMs(budgets.wallTime) : DEFAULT_TIMEOUT_MS, ...maxResultBytes },
    inContext: (body) => body(),
  };
}

const DEFAULT_TIMEOUT_MS = 30_000;

function toCallDocument(row: CallRow): CallDocument {
  const { argumentsHash, startedAt, settledAt, result, ...plain } = row;
  const answer = result && CallResult.decode(result).result;
  return {
    ...plain,
    argumentsHash: Buffer.from(argumentsHash).toString("base64"),
    startedAt: startedAt.toISOString(),
    ...(settledAt && { settledAt: settledAt.toISOString() }),
    ...(answer?.$case === "value" && { value: answer.value.data.toString("utf8") }),
    ...(answer?.$case === "error" && { error: answer.value }),
  };
}

function toCallRow({ value, error, settledAt, settleOrder, ...call }: z.output<typeof callSchema>): CallRow {
  if (!settledAt || settleOrder === undefined) return call;
  let answer: CallResult["result"];
  if (error) answer = { $case: "error", value: { ...error, type: error.type as CallErrorType } };
  else if (value !== undefined) {
    const encoding = ValueEncoding.VALUE_ENCODING_EXACT;
    answer = { $case: "value", value: { encoding, data: Buffer.from(value, "utf8") } };
  }
  const result = CallResult.encode({ seq: call.seq, result: answer, settledAt, more: false }).finish();
  return { ...call, settledAt, settleOrder, result };
}

function unreadable(why: string): CodemodeError {
  return new CodemodeError("INVALID_ARGUMENT", `Cannot replay: the document is no journal of a run, ${why}`);
}
