import { CodemodeError } from "@codemode/proto";
import { CallResult, Manifest, Start, toMs, ValueEncoding } from "@codemode/proto/messages";
import { z } from "zod";
import type { CallRow, StoredRun } from "../journal/index.ts";
import { ComponentSet } from "../registry/component-set.ts";
import { RuntimeContext } from "../registry/index.ts";
import { Run, type RunRequest, unrecorded, WireManifest } from "../run/index.ts";
import { documentSchema, type ParsedCall } from "./document-schema.ts";

// The journal of a run as a JSON document: for files beside tests, for people and for other programs. Values are texts of
// the codec, as they crossed; what is bytes is base64.

/** A recorded run as a plain JSON document. `code` is the program; the other fields are for `replay` alone. */
export type JournalDocument = z.input<typeof documentSchema>;

type CallDocument = JournalDocument["calls"][number];

export function toDocument({ record, calls }: StoredRun): JournalDocument {
  const { code, ...start } = Start.decode(record.start);
  if (record.manifest) start.components = { $case: "manifest", value: Manifest.decode(record.manifest.encoded) };
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
  if (!parsed.success) throw unreadable(new z.ZodError(parsed.error.issues.slice(0, MAX_ISSUES)));
  const { executionId, code, calls } = parsed.data;
  const { inStart, encoded } = WireManifest.of(parsed.data.start.components.value);
  const start = { ...parsed.data.start, components: inStart, executionId, code };
  const recording = { ...unrecorded(start), manifest: encoded, calls: calls.map(toCallRow), isReplay: true };
  return new Run({ ...toRequest(executionId, start), onLog }, recording);
}

function toRequest(executionId: string, { code, correlationId, fileName, budgets }: Start): RunRequest {
  const maxResultBytes = budgets?.resultBytes === undefined ? {} : { maxResultBytes: Number(budgets.resultBytes) };
  return {
    executionId,
    correlationId,
    code,
    fileName,
    components: ComponentSet.NONE,
    context: new RuntimeContext(),
    config: {},
    budgets: { timeoutMs: budgets?.wallTime ? toMs(budgets.wallTime) : DEFAULT_TIMEOUT_MS, ...maxResultBytes },
    inContext: (body) => body(),
  };
}

const DEFAULT_TIMEOUT_MS = 30_000;
const MAX_ISSUES = 10; // that a message tells: a long journal may have one in every call

function toCallDocument(row: CallRow): CallDocument {
  const { argumentsHash, startedAt, settledAt, result, ...plain } = row;
  const answer = result && CallResult.decode(result).result;
  return {
    ...plain,
    argumentsHash: Buffer.from(argumentsHash).toString("base64"),
    startedAt: startedAt.toISOString(),
    ...(settledAt && { settledAt: settledAt.toISOString() }),
    ...(answer?.$case === "value" && { value: answer.value.data.toString("utf8") }),
    ...(answer?.$case === "stream" && { stream: true as const }),
    ...(answer?.$case === "error" && { error: answer.value }),
  };
}

function toCallRow({ value, error, stream, settledAt, settleOrder, ...call }: ParsedCall): CallRow {
  if (!settledAt || settleOrder === undefined) return call;
  let answer: CallResult["result"];
  if (error) answer = { $case: "error", value: error };
  else if (stream) answer = { $case: "stream", value: {} };
  else if (value !== undefined) {
    const encoding = ValueEncoding.VALUE_ENCODING_EXACT;
    answer = { $case: "value", value: { encoding, data: Buffer.from(value, "utf8") } };
  }
  const result = CallResult.encode({ seq: call.seq, result: answer, settledAt }).finish();
  return { ...call, settledAt, settleOrder, result };
}

function unreadable(error: z.ZodError): CodemodeError {
  const why = z.prettifyError(error);
  return new CodemodeError("INVALID_ARGUMENT", `Cannot replay: the document is no journal of a run, ${why}`);
}
