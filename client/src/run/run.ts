import {
  type Accepted,
  type Call,
  type Finished,
  type Log,
  type Output,
  type Start,
  toMs,
  type Value,
} from "@codemode/proto/messages";
import { CodemodeError } from "@codemode/proto";
import { messageOf } from "../thrown.ts";
import { Evidence } from "./evidence.ts";
import { Gate, violation } from "./gate.ts";
import { Journal } from "./journal.ts";
import { toFailure, toUsage } from "./from-wire.ts";
import { toLedger, toRecord } from "./ledger.ts";
import { withLoops } from "./loops.ts";
import { Divergence, Link, type Say } from "./link.ts";
import { type CallRecord, type Interruption, Outcome, type RunFailure } from "./outcome.ts";
import { Recorder } from "./recorder.ts";
import { type Recording, unrecorded } from "./recording.ts";
import { toEntries, toRow } from "./rows.ts";
import { manifestOf, WireManifest } from "./manifest-wire.ts";
import { callsOf, maxAnswerBytes, type RunRequest, type RunStart, toStart } from "./start.ts";
import { fromWire } from "./values.ts";

// What the app holds of one run, whatever its executor says: where the run has no budget, the ceilings of every executor.
const MAX_LOG_LINES = 10_000;
const MAX_LOG_BYTES = 1_048_576;
const MAX_ANSWER_BYTES = 3_145_728;
const MAX_WAIT_MS = 86_400_000;
const MAX_DOUBTS = 10; // calls that a message names

// Run
// ==========================================================================
// One run as the app sees it, over all attempts. Knows no stream: it is told what an executor says.
//
//   Run owns    the journal, the gate to the handlers, the evidence, and what an attempt begins with.
//   Link owns   what one stream has been told and has asked. The answers of handlers go to the link of the moment.
//
// R1  Handlers outlive a stream: they are told to stop when the run ends, and when their program gives them up.
// R2  After the end no handler of the run is started, and those that run have been told to stop.
// R3  What could not be recorded ends the run here.

/** See the head of this file. */
export class Run {
  readonly request: RunRequest;
  /** Why they ended, but for the last. */
  readonly interruptions: Interruption[] = [];
  /** True when it ended for now, by no doing of its program: it may be resumed. */
  isUnfinished = false;
  #attempts: number;
  readonly #countAttempts: Recording["countAttempts"];
  readonly #journal: Journal;
  readonly #recorder: Recorder;
  readonly #isReplay: boolean;
  readonly #gate: Gate;
  readonly #start: RunStart;
  readonly #manifest: Uint8Array | undefined;
  readonly #evidence: Evidence;
  #accepted: Accepted | undefined;
  #acceptedAt = 0;
  #link: Link | undefined;
  /** Time in the hands of executors, in milliseconds, but for the one that has it now. */
  #heldMs = 0;
  #heldSince: number | undefined;

  /**
   * Takes `journal`, with which it goes on.
   *
   * Throws `UnserializableError` when the context or the config cannot cross.
   */
  constructor(
    request: RunRequest,
    recording: Recording = unrecorded(toStart(request)),
    journal: Journal = new Journal(toEntries(request.executionId, recording.calls)),
  ) {
    this.request = request;
    this.#journal = journal;
    const { executionId, correlationId, context, budgets } = request;
    const { start, manifest, isReplay = false } = recording;
    this.#manifest = manifest;
    this.#attempts = recording.attempts;
    this.#countAttempts = recording.countAttempts;
    this.#start = { ...start, correlationId, idleWanted: isReplay, takesBatches: true };
    this.#isReplay = isReplay;
    this.#recorder = new Recorder((error) => {
      this.release(error);
      recording.onFailure(error);
    });
    this.#gate = new Gate({
      journal: this.#journal,
      components: request.components,
      ...callsOf(start),
      hasRoom: () => this.#link?.hasRoom ?? false,
      toolTimeoutMs: budgets.toolTimeoutMs,
      maxAnswerBytes: () => Math.min(Number(this.#accepted?.budgets?.answerBytes ?? Infinity), maxAnswerBytes(start)),
      info: (seq) => ({ executionId, seq, idempotencyKey: `${executionId}:${seq}`, correlationId, context }),
      inContext: request.inContext,
      onChange: (entry) => {
        const record = request.onCall && toRecord(entry);
        if (record) request.onCall?.(entry.state === "pending" ? { ...record, state: "pending" } : record);
      },
      onSettled: () => this.#link?.settled(),
      record: (entry) => {
        const row = toRow(entry); // as it is now
        return this.#recorder.record(() => recording.put(row));
      },
      refuse: isReplay ? refuse : undefined,
    });
    this.#evidence = new Evidence({
      logLines: budgets.maxLogLines ?? MAX_LOG_LINES,
      logBytes: budgets.maxLogBytes ?? MAX_LOG_BYTES,
      outputBytes: budgets.maxResultBytes ?? MAX_ANSWER_BYTES,
    });
  }

  /** Attempts so far, those of apps before us included. */
  get attempts(): number {
    return this.#attempts;
  }

  /** True once an executor has given the run a slot. From then on the run ends with an outcome. */
  get accepted(): boolean {
    return this.#accepted !== undefined;
  }

  /** Grows when the run gets anywhere: it is accepted for the first time, a call is made, a call ends. */
  get progress(): number {
    return (this.accepted ? 1 : 0) + 2 * this.#journal.size - this.#journal.pending;
  }

  /** The wall-clock budget in force, in milliseconds: never more than was asked for. */
  get wallMs(): number {
    const said = this.#accepted?.budgets?.wallTime;
    return Math.min(said ? toMs(said) : Infinity, this.request.budgets.timeoutMs);
  }

  /** How much longer executors may have the run, in milliseconds. Time in which none has it does not count. */
  get leftMs(): number {
    const said = this.#accepted?.budgets?.waitTime;
    const waitMs = Math.min(said ? toMs(said) : 0, this.request.budgets.maxWaitMs ?? MAX_WAIT_MS);
    return Math.max(0, this.wallMs + waitMs - this.heldMs);
  }

  /** How long executors have had the run, in milliseconds. */
  get heldMs(): number {
    return this.#heldMs + (this.#heldSince === undefined ? 0 : performance.now() - this.#heldSince);
  }

  /** Counts one more attempt, and resolves when it may begin. */
  attempt(): Promise<void> {
    const attempts = (this.#attempts += 1);
    return this.#recorder.record(() => this.#countAttempts(attempts));
  }

  /** Begins the stream of the present attempt: what the executor is to know goes to `say`, and so do answers from now on. */
  connect(say: Say): Link {
    const { logsReceived, outputsReceived } = this.#evidence;
    const start: Start = { ...this.#start, attempt: this.#attempts, logsReceived, outputsReceived };
    this.#link = new Link(this.#journal, this.#gate, start, say);
    this.#gate.goOn(); // what waits for room that the last stream did not have
    return this.#link;
  }

  /**
   * Tells the executor of the present attempt what the program may call, after `connect`.
   *
   * @throws {@link ExecutorClientError} when it knows already.
   */
  list(say: Say): void {
    const { components } = this.#start;
    if (components?.$case !== "manifestHash") throw violation("asked for the components, which Start had");
    const stored = this.#manifest && new WireManifest(this.#manifest);
    for (const piece of (stored ?? manifestOf(this.request.components)).pieces()) {
      say({ $case: "manifest", value: piece });
    }
  }

  /** The stream is over. Handlers run on: their answers are for the next one. */
  disconnect(): void {
    this.#link = undefined;
    if (this.#heldSince !== undefined) this.#heldMs += performance.now() - this.#heldSince;
    this.#heldSince = undefined;
  }

  accept(accepted: Accepted): void {
    this.#heldSince = performance.now();
    if (!this.#accepted) this.#acceptedAt = this.#heldSince;
    this.#accepted = accepted;
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

  /** Resolves when what has been done so far is recorded. Throws what has stopped that. */
  recorded(): Promise<void> {
    return this.#recorder.flush();
  }

  /**
   * The end of a run that cannot go on before somebody tells what an app that has died did: calls whose handlers it had
   * called, and which must not be called again. `undefined` when there are none.
   */
  inDoubt(): Outcome | undefined {
    const { executionId } = this.request;
    const doubtful = this.#journal.entries().filter((entry) => this.#gate.isInDoubt(entry));
    const [first] = doubtful;
    if (!first) return undefined;
    this.isUnfinished = true;
    const which = doubtful.map(({ seq, name }) => `${seq} (${JSON.stringify(name)})`);
    const shown = which.slice(0, MAX_DOUBTS).join(", ") + (which.length > MAX_DOUBTS ? ", …" : "");
    return this.end({
      type: "InDoubt",
      message: `Nobody knows what became of call${which.length === 1 ? "" : "s"} ${shown}: the run was cut off while the handler ran`,
      hint:
        `find out, tell it by codemode.settle(${JSON.stringify(executionId)}, ${first.seq}, ` +
        `${first.kind === "next" ? "{ value: [what is left of the stream] } | { error }" : '{ value } | { error } | "retry"'}), ` +
        `then execute the same again`,
      seq: first.seq,
      tool: first.name,
    });
  }

  /**
   * The program waits, and nothing but an answer lets it go on.
   *
   * @throws {@link Divergence} when there is none to come.
   */
  idle(awaited: readonly number[]): void {
    if (!this.#isReplay) return;
    throw new Divergence(`The journal ends here: it has no answer to call ${awaited.join(", ")}`);
  }

  /** Gives all open calls up, which fires their signals: with `reason`, or that the run is over. Only when it is to end. */
  release(reason?: unknown): void {
    this.#gate.close(reason);
  }

  /** The end as the executor tells it. */
  finish(finished: Finished): Outcome {
    switch (finished.result?.$case) {
      case "value": {
        const value = this.#read(finished.result.value);
        const made = finished.usage?.calls ?? 0;
        const failure = this.#isReplay && made < this.#journal.size ? fewer(made, this.#journal.size) : null;
        return this.#outcome(failure ? undefined : value, failure, finished);
      }
      case "error": {
        const failure = toFailure(finished.result.value);
        if (!failure) throw violation(`failed with a type of error (${finished.result.value.type}) that is not known`);
        return this.#outcome(undefined, failure, finished);
      }
      case undefined:
        throw violation("finished without a value or an error");
    }
  }

  /** The end as the app sees it, when the executor cannot tell. */
  end(failure: RunFailure, finished?: Finished): Outcome {
    return this.#outcome(undefined, failure, finished);
  }

  /** The end for now: executors did not bring it to its own. */
  interrupted(failure: RunFailure): Outcome {
    this.isUnfinished = true;
    return this.end(failure);
  }

  /** The end that the app asked for. */
  cancelled(reason: unknown, finished?: Finished): Outcome {
    this.release(reason);
    const message = `The app ended the run: ${messageOf(reason)}`;
    return this.end({ type: "Cancelled", message }, finished);
  }

  /** What is known of the calls so far. */
  get calls(): readonly CallRecord[] {
    return toLedger(this.#journal.entries());
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

  #outcome(value: unknown, error: RunFailure | null, finished: Finished | undefined): Outcome {
    // What is still open has nobody to answer to: its handlers' signals fire, and its end is not known.
    this.release();
    const { executionId, correlationId } = this.request;
    const own = { wallMs: this.accepted ? performance.now() - this.#acceptedAt : 0, calls: this.#journal.size };
    return new Outcome({
      executionId,
      correlationId,
      value,
      error: error && withLoops(error, this.request.code),
      calls: this.calls,
      logs: this.#evidence.logs,
      outputs: this.#evidence.outputs,
      usage: toUsage(finished, own),
      warnings: this.#evidence.warnings(finished),
      attempts: this.#attempts,
      interruptions: [...this.interruptions],
    });
  }
}

function fewer(made: number, recorded: number): RunFailure {
  return { type: "Diverged", message: `The program made ${made} calls; the journal has ${recorded}` };
}

function refuse(call: Call): never {
  throw new Divergence(`Call ${call.seq} is not in the journal: the program did not end where it had ended before`);
}
