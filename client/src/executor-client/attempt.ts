import type { ClientDuplexStream, ServiceError } from "@grpc/grpc-js";
import { type ClientMessage, type ExecutorMessage, type Finished, messages, send } from "@codemode/proto";
import { ExecutorClientError } from "../errors.ts";
import { messageOf } from "../run/call-error.ts";
import { violation } from "../run/gate.ts";
import type { Outcome } from "../run/outcome.ts";
import type { Run } from "../run/run.ts";
import { isServiceError, notAccepted, RefusedAttempt } from "./failure.ts";

// Attempt
// ==========================================================================
// One Execute stream: one attempt at one run. Translates between the stream and the Run, and always ends.
//
// T1  The stream is over, and every open call of the run is released, when run() settles.
// T2  Answers are sent in the order in which calls settled.
// T3  Before Accepted the program did not run: RefusedAttempt. After it there is an Outcome, or a violation.
// T4  After an abort no handler is started any more.

const GRACE_MS = 10_000; // what an executor may be late before the app ends a run by itself
const CANCEL_GRACE_MS = 2_000; // what it may take to answer a Cancel; its usage is worth no more
const MAX_TIMER_MS = 2 ** 31 - 1; // longer delays fire at once in Node
const END_GRACE_MS = 2_000; // what it may take to end the stream after Finished

/** Why this side ended the stream. */
type Ending = "unconnected" | "refused" | "timeout" | "cancelled";
type Stream = ClientDuplexStream<ClientMessage, ExecutorMessage>;

/** What an attempt needs besides its stream. */
export interface AttemptOptions {
  readonly address: string;
  /** Ends the run. */
  readonly signal: AbortSignal;
  /** Longest wait for a connection, in milliseconds. */
  readonly connectTimeoutMs: number;
  /** Longest wait for Accepted, in milliseconds. */
  readonly acceptTimeoutMs: number;
  readonly isConnected: () => boolean;
}

/** See the head of this file. Takes `stream`. */
export class Attempt {
  readonly #stream: Stream;
  readonly #run: Run;
  readonly #options: AttemptOptions;
  readonly #over = new AbortController();
  #sent: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #connecting: NodeJS.Timeout | undefined;
  #ending: Ending | undefined;

  constructor(stream: Stream, run: Run, options: AttemptOptions) {
    this.#stream = stream;
    this.#run = run;
    this.#options = options;
    stream.on("error", () => {}); // the iterator reports it; without a listener it would end the process
  }

  async run(): Promise<Outcome> {
    const { signal, acceptTimeoutMs, connectTimeoutMs, isConnected } = this.#options;
    this.#connecting = setTimeout(() => isConnected() || this.#end("unconnected"), connectTimeoutMs);
    const onAbort = () => this.#abort();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      this.#send({ event: { $case: "start", value: this.#run.nextStart() } });
      this.#arm(acceptTimeoutMs, "refused");
      if (signal.aborted) onAbort();
      return await this.#read();
    } catch (error) {
      const { calls } = this.#run;
      if (!(error instanceof ExecutorClientError) || calls.length === 0) throw error;
      throw new ExecutorClientError(error.code, error.message, { cause: error, calls });
    } finally {
      signal.removeEventListener("abort", onAbort);
      clearTimeout(this.#connecting);
      clearTimeout(this.#timer);
      this.#run.release(new DOMException("The run is over", "AbortError"));
      this.#over.abort();
      this.#stream.cancel(); // of no effect on a stream that has ended
    }
  }

  async #read(): Promise<Outcome> {
    let finished: Finished | undefined;
    try {
      for await (const message of messages(this.#stream)) {
        if (finished) throw violation("went on after Finished");
        finished = this.#take(message);
      }
    } catch (error) {
      if (!isServiceError(error)) throw error;
      if (!finished) return this.#lost(error);
    }
    if (this.#ending === "cancelled") return this.#run.cancelled(this.#options.signal.reason, finished);
    if (finished) return this.#run.finish(finished);
    throw violation("ended the stream without Finished");
  }

  /** One message. Returns Finished when it was that. */
  #take({ event }: ExecutorMessage): Finished | undefined {
    const aborted = this.#ending === "cancelled";
    if (event?.$case !== "accepted" && !this.#run.accepted && !aborted) throw violation("spoke before Accepted");
    switch (event?.$case) {
      case "accepted":
        this.#run.accept(event.value);
        clearTimeout(this.#connecting); // a channel that is told to move on keeps its open streams
        if (!aborted) this.#arm(this.#run.wallMs + GRACE_MS, "timeout");
        return undefined;
      case "log":
        this.#run.log(event.value);
        return undefined;
      case "output":
        this.#run.output(event.value);
        return undefined;
      case "call":
        if (aborted) return undefined; // T4
        this.#run.call(event.value, (value) => this.#send({ event: { $case: "callResult", value } }));
        return undefined;
      case "callCancelled":
        if (!aborted) this.#run.cancelCall(event.value.seq);
        return undefined;
      case "idle":
        return undefined;
      case "finished":
        this.#arm(END_GRACE_MS, this.#ending);
        this.#over.abort();
        this.#stream.end();
        return event.value;
      case "journalWanted":
        throw violation("wanted a journal, which this version does not send");
      case undefined:
        throw violation("sent an empty message");
    }
  }

  /** The stream broke. Whose doing it was decides what that means. */
  #lost(error: ServiceError): Outcome {
    switch (this.#ending) {
      case "cancelled":
        return this.#run.cancelled(this.#options.signal.reason);
      case "unconnected":
        throw RefusedAttempt.unconnected(this.#options.address, this.#options.connectTimeoutMs);
      case "refused":
        throw notAccepted(this.#options);
      case "timeout": {
        const message = `The executor did not end the run within its ${this.#run.wallMs} ms; the app gave it up`;
        return this.#run.end({ type: "Timeout", message });
      }
      case undefined:
        if (!this.#run.accepted) throw new RefusedAttempt(this.#options.address, error);
        return this.#run.end({ type: "Crashed", message: `The executor was lost in mid-run: ${error.details}` });
    }
  }

  #abort(): void {
    if (this.#over.signal.aborted) return; // Finished came first
    const { reason } = this.#options.signal;
    this.#ending = "cancelled";
    this.#run.release(reason);
    this.#send({ event: { $case: "cancel", value: { reason: messageOf(reason) } } });
    this.#arm(CANCEL_GRACE_MS, "cancelled");
  }

  /** Ends the stream from this side when `ms` have passed. Replaces the timer before. */
  #arm(ms: number, ending: Ending | undefined): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#end(ending), Math.min(ms, MAX_TIMER_MS));
  }

  #end(ending: Ending | undefined): void {
    this.#ending ??= ending;
    this.#stream.cancel();
  }

  /** Queues a message (T2). What cannot be sent any more is dropped: the reader learns of the end. */
  #send(message: ClientMessage): void {
    const { signal } = this.#over;
    this.#sent = this.#sent
      .then(() => (signal.aborted ? undefined : send(this.#stream, message, signal)))
      .catch(() => {});
  }
}
