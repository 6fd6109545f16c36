import {
  type Call,
  CallKind,
  type Log,
  type Output,
  outputBytes,
  RunErrorType,
  type Value,
} from "@codemode/proto/messages";
import type { Journal } from "./journal.ts";
import { failure, type Failure } from "./outcome.ts";
import type { Program } from "./start.ts";

/** How a line of console output is to be treated. */
export type LogVerdict = "send" | "drop" | Failure;

const FLOOD_BYTES = 1024 * 1024; // a worker drops by itself what is over the budget; one that sends this much more does not
const LINE_BYTES = 16; // of one that is empty: what it costs us to read it

const MAX_MIME_CHARS = 100;

/**
 * Keeps the budgets of one life of a program again, from outside: the worker keeps them first and kindly, but after an escape it is
 * the program. Pure data; the session acts on what it says.
 */
export class Ledger {
  calls = 0;
  argumentBytes = 0;
  logBytes = 0;
  logLines = 0;
  droppedLines = 0;
  droppedBytes = 0;
  outputs = 0;
  outputBytes = 0;
  readonly #program: Program;
  readonly #journal: Journal;
  #cancellations = 0;

  constructor(program: Program, journal: Journal) {
    this.#program = program;
    this.#journal = journal;
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
    return this.droppedBytes + LINE_BYTES * this.droppedLines > FLOOD_BYTES ? CRASHED : "drop";
  }

  /** Undefined when the output may go to the app. */
  output({ item }: Output): Failure | undefined {
    if (!item || (item.$case === "image" && item.value.mimeType.length > MAX_MIME_CHARS)) return CRASHED;
    this.outputs += 1;
    this.outputBytes += outputBytes(item);
    return this.outputBytes > this.#program.budgets.resultBytes ? CRASHED : undefined;
  }

  /** Whether the call is to go to the app, or is known already; a Failure ends the run. */
  call(call: Call): "ask" | "wait" | Failure {
    const {
      budgets,
      components: { tools, agents },
    } = this.#program;
    if (call.seq !== this.calls + 1) return CRASHED;
    if (call.seq > budgets.calls) return over("CALL_LIMIT", `More than ${budgets.calls} calls`);
    if (call.seq > this.#journal.size && this.#journal.open >= budgets.callsInFlight) {
      return over("CALL_LIMIT", `More than ${budgets.callsInFlight} calls in flight`);
    }
    const bytes = call.arguments?.data.length ?? 0;
    if (bytes > budgets.argumentBytes) {
      return over("OUTPUT_LIMIT", `The arguments of call ${call.seq} are over ${budgets.argumentBytes} bytes`);
    }
    if (!isListed(call, tools, agents)) return over("UNKNOWN_TOOL", `No tool or agent of this run has that name`);
    this.calls = call.seq;
    this.argumentBytes += bytes;
    return this.#journal.issue(call);
  }

  /** True when the app is to be told that nobody waits for the call any more. */
  cancelled(seq: number): boolean | Failure {
    this.#cancellations += 1;
    if (seq < 1 || seq > this.calls || this.#cancellations > this.calls) return CRASHED;
    return this.#journal.cancel(seq);
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
    case CallKind.CALL_KIND_NEXT:
      return tools.has(call.name) || agents.has(call.name);
    case CallKind.CALL_KIND_TIMER:
      return call.name === "" && call.delayMs >= 0;
    default:
      return false;
  }
}
