import { type CallError, type CallResult, CallState, type JournalEntry } from "@codemode/proto/messages";
import { Refusal } from "./refusal.ts";
import { checkValue } from "./start.ts";

const ANSWER_OVERHEAD_BYTES = 512; // what V8 takes for one of a byte, measured, and some
const MAX_NAME_CHARS = 128;
const HASH_BYTES = 32;

/** How far a call is, as far as its program is to know. */
export type CallProgress = "open" | "answered" | "cancelled";

const PROGRESS: Readonly<Record<number, CallProgress>> = {
  [CallState.CALL_STATE_PENDING]: "open",
  [CallState.CALL_STATE_SUCCEEDED]: "answered",
  [CallState.CALL_STATE_FAILED]: "answered",
  [CallState.CALL_STATE_CANCELLED]: "cancelled",
};

/** Checks an entry of a journal by itself. Throws a Refusal. */
export function checkEntry(entry: JournalEntry, field: string, answerBytes: number): void {
  const must = (holds: boolean, of: string, problem: string): void => {
    if (!holds) throw new Refusal(`${field}.${of}`, problem);
  };
  must(entry.name.length <= MAX_NAME_CHARS, "name", `over ${MAX_NAME_CHARS} characters`);
  must(entry.argumentsHash.length === HASH_BYTES, "arguments_hash", `${HASH_BYTES} bytes are needed`);
  const progress = PROGRESS[entry.state];
  must(progress !== undefined, "state", `${entry.state} is not known`);
  must((progress === "answered") === entry.settleOrder > 0, "settle_order", "it does not fit the state");
  checkAnswer(toResult(entry), field, answerBytes);
}

/** Checks an answer as far as its bytes tell. Throws a Refusal. */
export function checkAnswer(result: CallResult, field: string, answerBytes: number): void {
  if (result.settledAt && Number.isNaN(result.settledAt.getTime())) {
    throw new Refusal(`${field}.settled_at`, "it is no time between the years 1 and 9999");
  }
  if (result.result?.$case === "value") checkValue(`${field}.value`, result.result.value, answerBytes);
  if (result.result?.$case === "error" && bytesOfError(result.result.value) > answerBytes) {
    throw new Refusal(`${field}.error`, `it is over the budget of ${answerBytes} bytes`);
  }
}

/** Of an entry that was checked. */
export function progressOf({ state }: JournalEntry): CallProgress {
  return PROGRESS[state] ?? "open";
}

/** The answer of an entry that is answered. */
export function toResult({ seq, result, settledAt }: JournalEntry): CallResult {
  return { seq, result, settledAt };
}

/** An answer to be kept: Node makes small Buffers as pieces of one that they share, and each would keep all of it. */
export function inOwnMemory(answer: CallResult): CallResult {
  const { result } = answer;
  if (result?.$case !== "value" || result.value.data.length >= Buffer.poolSize / 2) return answer;
  const data = Buffer.allocUnsafeSlow(result.value.data.length);
  result.value.data.copy(data);
  return { ...answer, result: { $case: "value", value: { encoding: result.value.encoding, data } } };
}

/** What an answer takes in memory. */
export function bytesOf({ result }: Pick<CallResult, "result">): number {
  if (result?.$case === "error") return ANSWER_OVERHEAD_BYTES + bytesOfError(result.value);
  return ANSWER_OVERHEAD_BYTES + (result?.$case === "value" ? result.value.data.length : 0);
}

/** Its text. To encode it would cost ten times as much, and a journal may have a hundred thousand. */
function bytesOfError({ name, message, code }: CallError): number {
  return Buffer.byteLength(name) + Buffer.byteLength(message) + Buffer.byteLength(code);
}
