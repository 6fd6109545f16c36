import {
  type Call,
  CallError,
  CallKind,
  type CallResult,
  type Log,
  type Output,
  RunErrorType,
  type Value,
} from "@codemode/proto/messages";
import { failure, type Failure } from "./outcome.ts";
import { Refusal } from "./refusal.ts";
import { checkValue, type Program } from "./start.ts";

/** How a line of console output is to be treated. */
export type LogVerdict = "send" | "drop" | Failure;

const FLOOD_BYTES = 1024 * 1024; // a worker drops by itself what is over the budget; one that sends this much more does not

const MAX_MIME_CHARS = 100;
const OUTPUT_OVERHEAD = 64; // as the worker counts

/**
 * Keeps the budgets of one run again, from outside: the worker keeps them first and kindly, but after an escape it is
 * the program. Pure data; the session acts on what it says.
 */
export class Ledger {
  calls = 0;
  argumentBytes = 0;
  logBytes = 0;
  logLines = 0;
  droppedLines = 0;
  droppedBytes = 0;
  outputBytes = 0;
  readonly #program: Program;
  readonly #open = new Set<number>();
  /** Given up by the program; an answer that was on its way is passed over, once. */
  readonly #cancelled = new Set<number>();

  constructor(program: Program) {
    this.#program = program;
  }

  log(log: Log): LogVerdict {
    const { budgets } = this.#program;
    const bytes = Buffer.byteLength(log.text);
    if (this.logLines + 1 <= budgets.logLines && this.logBytes + bytes <= budgets.logBytes) {
      this.logLines += 1;
      this.logBytes += bytes;
      return "send";
    }
    this.droppedLines += 1;
    this.droppedBytes += bytes;
    return this.droppedBytes > FLOOD_BYTES ? CRASHED : "drop";
  }

  /** Undefined when the output may go to the app. */
  output({ item }: Output): Failure | undefined {
    if (!item || (item.$case === "image" && item.value.mimeType.length > MAX_MIME_CHARS)) return CRASHED;
    const bytes = item.$case === "text" ? Buffer.byteLength(item.value) : item.value.data.length;
    this.outputBytes += bytes + OUTPUT_OVERHEAD;
    return this.outputBytes > this.#program.budgets.resultBytes ? CRASHED : undefined;
  }

  /** Undefined when the call may go to the app. */
  call(call: Call): Failure | undefined {
    const { budgets, tools, agents } = this.#program;
    if (call.seq !== this.calls + 1) return CRASHED;
    if (call.seq > budgets.calls) return over("CALL_LIMIT", `More than ${budgets.calls} calls`);
    if (this.#open.size >= budgets.callsInFlight) {
      return over("CALL_LIMIT", `More than ${budgets.callsInFlight} calls in flight`);
    }
    const bytes = call.arguments?.data.length ?? 0;
    if (bytes > budgets.argumentBytes) {
      return over("OUTPUT_LIMIT", `The arguments of call ${call.seq} are over ${budgets.argumentBytes} bytes`);
    }
    if (!isListed(call, tools, agents)) return over("UNKNOWN_TOOL", `No tool or agent of this run has that name`);
    this.calls = call.seq;
    this.argumentBytes += bytes;
    this.#open.add(call.seq);
    return undefined;
  }

  /** True when the app has not answered yet and is to be told. */
  cancelled(seq: number): boolean | Failure {
    if (seq < 1 || seq > this.calls) return CRASHED;
    if (!this.#open.delete(seq)) return false; // its answer and this crossed
    this.#cancelled.add(seq);
    return true;
  }

  /** Which of the calls that the worker waits for the app has yet to answer. */
  awaited(seqs: readonly number[]): number[] {
    return seqs.filter((seq) => this.#open.has(seq));
  }

  /** True when the answer is for the worker. Throws a Refusal when it answers nothing that was asked. */
  answer(result: CallResult): boolean {
    if (result.more) throw new Refusal("call_result.more", "this executor has no streamed results", "UNSUPPORTED");
    if (this.#cancelled.delete(result.seq)) return false;
    if (!this.#open.has(result.seq)) {
      throw new Refusal("call_result.seq", `call ${result.seq} was not made, or is answered already`);
    }
    if (result.settledAt && Number.isNaN(result.settledAt.getTime())) {
      throw new Refusal("call_result.settled_at", "it is no time between the years 1 and 9999");
    }
    const { answerBytes } = this.#program.budgets;
    if (result.result?.$case === "value") checkValue("call_result.value", result.result.value, answerBytes);
    if (result.result?.$case === "error" && CallError.encode(result.result.value).finish().length > answerBytes) {
      throw new Refusal("call_result.error", `it is over the budget of ${answerBytes} bytes`);
    }
    this.#open.delete(result.seq);
    return true;
  }

  /** Undefined when the value may go to the app. */
  result(value: Value): Failure | undefined {
    const { resultBytes } = this.#program.budgets;
    return value.data.length > resultBytes
      ? over("OUTPUT_LIMIT", `The result is over ${resultBytes} bytes`)
      : undefined;
  }
}

const CRASHED = failure(RunErrorType.RUN_ERROR_TYPE_CRASHED, "The worker process broke its protocol");

function over(type: "CALL_LIMIT" | "OUTPUT_LIMIT" | "UNKNOWN_TOOL", message: string): Failure {
  return failure(RunErrorType[`RUN_ERROR_TYPE_${type}`], message);
}

function isListed(call: Call, tools: ReadonlySet<string>, agents: ReadonlySet<string>): boolean {
  switch (call.kind) {
    case CallKind.CALL_KIND_TOOL:
      return tools.has(call.name);
    case CallKind.CALL_KIND_AGENT:
      return agents.has(call.name);
    case CallKind.CALL_KIND_TIMER:
      return call.name === "" && call.delayMs >= 0;
    default:
      return false;
  }
}
