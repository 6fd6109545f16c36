import {
  type Accepted,
  type Call,
  type CallResult,
  type Finished,
  type Log,
  type Output,
  type Start,
  toMs,
  type Value,
} from "@codemode/proto/messages";
import { CodemodeError } from "@codemode/proto";
import { messageOf } from "./call-error.ts";
import { Evidence } from "./evidence.ts";
import { Gate, violation } from "./gate.ts";
import { Journal } from "./journal.ts";
import { toFailure, toUsage } from "./from-wire.ts";
import { toLedger, toRecord } from "./ledger.ts";
import { withLoops } from "./loops.ts";
import { type CallRecord, Outcome, type RunFailure } from "./outcome.ts";
import { type RunRequest, toStart } from "./start.ts";
import { fromWire } from "./values.ts";

// What the app holds of one run, whatever its executor says: where the run has no budget, the ceilings of every executor.
const MAX_CALLS = 100_000;
const MAX_CALLS_IN_FLIGHT = 1024;
const MAX_LOG_LINES = 10_000;
const MAX_LOG_BYTES = 1_048_576;
const MAX_ANSWER_BYTES = 3_145_728;

/** One run as the app sees it, over all attempts. Knows no stream: it is told what an executor says. */
export class Run {
  readonly request: RunRequest;
  /** Attempts so far. */
  attempts = 0;
  readonly #journal = new Journal();
  readonly #gate: Gate;
  readonly #start: Omit<Start, "attempt">;
  readonly #evidence: Evidence;
  #accepted: Accepted | undefined;
  #acceptedAt = 0;

  /** Throws `UnserializableError` when the context or the config cannot cross. */
  constructor(request: RunRequest) {
    this.request = request;
    const { executionId, correlationId, context, budgets } = request;
    this.#gate = new Gate({
      journal: this.#journal,
      tools: request.tools,
      agents: request.agents,
      maxCalls: budgets.maxCalls ?? MAX_CALLS,
      maxCallsInFlight: budgets.maxCallsInFlight ?? MAX_CALLS_IN_FLIGHT,
      toolTimeoutMs: budgets.toolTimeoutMs,
      maxAnswerBytes: () =>
        Math.min(Number(this.#accepted?.budgets?.answerBytes ?? MAX_ANSWER_BYTES), MAX_ANSWER_BYTES),
      info: (seq) => ({ executionId, seq, idempotencyKey: `${executionId}:${seq}`, correlationId, context }),
      inContext: request.inContext,
      onChange: (entry) => {
        const record = toRecord(entry, false);
        if (record) request.onCall?.(entry.state === "pending" ? { ...record, state: "pending" } : record);
      },
    });
    this.#start = toStart(request);
    this.#evidence = new Evidence({
      logLines: budgets.maxLogLines ?? MAX_LOG_LINES,
      logBytes: budgets.maxLogBytes ?? MAX_LOG_BYTES,
      outputBytes: budgets.maxResultBytes ?? MAX_ANSWER_BYTES,
    });
  }

  /** True once an executor has given the run a slot. From then on there is no other attempt. */
  get accepted(): boolean {
    return this.#accepted !== undefined;
  }

  /** The wall-clock budget in force, in milliseconds: never more than was asked for. */
  get wallMs(): number {
    const said = this.#accepted?.budgets?.wallTime;
    return Math.min(said ? toMs(said) : Infinity, this.request.budgets.timeoutMs);
  }

  /** The first message of the next attempt. */
  nextStart(): Start {
    this.attempts += 1;
    return { ...this.#start, attempt: this.attempts };
  }

  accept(accepted: Accepted): void {
    if (this.#accepted) throw violation("accepted the run twice");
    this.#accepted = accepted;
    this.#acceptedAt = performance.now();
  }

  log(log: Log): void {
    const line = this.#evidence.log(log);
    if (line) this.request.onLog?.(line);
  }

  output(output: Output): void {
    try {
      this.#evidence.output(output);
    } catch (cause) {
      throw CodemodeError.is(cause) ? cause : violation(`sent output that cannot be read (${messageOf(cause)})`);
    }
  }

  /** Starts a call; `answer` gets its result, in settle order. Throws when the executor may not ask for it. */
  call(call: Call, answer: (result: CallResult) => void): void {
    this.#gate.admit(call, answer);
  }

  cancelCall(seq: number): void {
    this.#gate.cancel(seq, new DOMException("The program no longer waits for this call", "AbortError"));
  }

  /** Fires the signals of all open calls: their answers have nowhere to go. */
  release(reason: unknown): void {
    this.#gate.close(reason);
  }

  /** The end as the executor tells it. */
  finish(finished: Finished): Outcome {
    // What is still open has nobody to answer to: its handlers' signals fire, and its end is not known.
    this.release(new DOMException("The run is over", "AbortError"));
    switch (finished.result?.$case) {
      case "value":
        return this.#outcome(this.#read(finished.result.value), null, false, finished);
      case "error": {
        const failure = toFailure(finished.result.value);
        if (!failure) throw violation(`failed with a type of error (${finished.result.value.type}) that is not known`);
        return this.#outcome(undefined, failure, failure.type === "Crashed", finished);
      }
      case undefined:
        throw violation("finished without a value or an error");
    }
  }

  /** The end as the app sees it, when the executor cannot tell. */
  end(failure: RunFailure, finished?: Finished): Outcome {
    return this.#outcome(undefined, failure, failure.type === "Crashed", finished);
  }

  /** The end that the app asked for. */
  cancelled(reason: unknown, finished?: Finished): Outcome {
    const message = `The app ended the run: ${messageOf(reason)}`;
    return this.end({ type: "Cancelled", message }, finished);
  }

  /** What is known of the calls so far. */
  get calls(): readonly CallRecord[] {
    return toLedger(this.#journal.entries(), true);
  }

  #read(value: Value): unknown {
    const { maxResultBytes = MAX_ANSWER_BYTES } = this.request.budgets;
    if (value.data.length > maxResultBytes) throw violation(`sent a value of more than ${maxResultBytes} bytes`);
    try {
      return fromWire(value);
    } catch (cause) {
      throw violation(`sent a value that cannot be read (${messageOf(cause)})`);
    }
  }

  #outcome(value: unknown, error: RunFailure | null, lost: boolean, finished: Finished | undefined): Outcome {
    const { executionId, correlationId } = this.request;
    const own = { wallMs: this.accepted ? performance.now() - this.#acceptedAt : 0, calls: this.#journal.size };
    return new Outcome({
      executionId,
      correlationId,
      value,
      error: error && withLoops(error, this.request.code),
      calls: toLedger(this.#journal.entries(), lost),
      logs: this.#evidence.logs,
      outputs: this.#evidence.outputs,
      usage: toUsage(finished, own),
      warnings: this.#evidence.warnings(finished),
      attempts: this.attempts,
    });
  }
}
