import type { ClientDuplexStream, ServiceError } from "@grpc/grpc-js";
import { type ClientMessage, type ExecutorMessage, type Finished, messages, send } from "@codemode/proto";
import { messageOf } from "../run/call-error.ts";
import { Doubt, violation } from "../run/gate.ts";
import { Divergence, type Link } from "../run/link.ts";
import type { Outcome } from "../run/outcome.ts";
import type { Run } from "../run/run.ts";
import { MAX_TIMER_MS } from "@codemode/proto/messages";
import { BrokenAttempt, isServiceError, notAccepted } from "./failure.ts";

// Attempt
// ==========================================================================
// One Execute stream: one attempt at one run. Translates between the stream and the Run, and always ends.
//
// T1  The stream is over when run() settles.
// T2  What the run says is sent in the order in which it was said. An abort waits for none of it.
// T3  There is an Outcome, or a violation, or the stream broke: BrokenAttempt. Then the run can go on in another attempt,
//     and its handlers run on.
// T4  After an abort no handler is started any more.

const GRACE_MS = 10_000; // what an executor may be late before the app ends a run by itself
const CANCEL_GRACE_MS = 500; // what it may take to answer a Cancel: all is to be free within a second
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
  #link!: Link; // from the first step of run() on
  #accepted = false;
  #journalOnItsWay = false;
  #hasListed = false;
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
      this.#link = this.#run.connect((event) => this.#send({ event }));
      this.#arm(acceptTimeoutMs, "refused");
      if (signal.aborted) onAbort();
      return await this.#read();
    } catch (error) {
      if (error instanceof Divergence) return this.#run.end({ type: "Diverged", message: error.message });
      const doubt = error instanceof Doubt ? this.#run.inDoubt() : undefined;
      if (doubt) return doubt;
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
      clearTimeout(this.#connecting);
      clearTimeout(this.#timer);
      this.#run.disconnect();
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
    const isEarly = event?.$case !== "accepted" && event?.$case !== "manifestWanted";
    if (isEarly && !this.#accepted && !aborted) throw violation("spoke before Accepted");
    switch (event?.$case) {
      case "accepted":
        if (this.#accepted) throw violation("accepted the run twice");
        this.#accepted = true;
        this.#run.accept(event.value);
        clearTimeout(this.#connecting); // a channel that is told to move on keeps its open streams
        if (!aborted) this.#arm(this.#run.leftMs + GRACE_MS, "timeout");
        return undefined;
      case "log":
        this.#run.log(event.value);
        return undefined;
      case "output":
        this.#run.output(event.value);
        return undefined;
      case "call":
        if (aborted) return undefined; // T4
        this.#link.call(event.value);
        return undefined;
      case "callCancelled":
        if (!aborted) this.#link.cancelCall(event.value.seq);
        return undefined;
      case "idle":
        if (!aborted) this.#run.idle(event.value.awaited);
        return undefined;
      case "finished":
        this.#arm(END_GRACE_MS, this.#ending);
        this.#over.abort();
        this.#stream.end();
        return event.value;
      case "journalWanted":
        if (!aborted) this.#sendJournal();
        return undefined;
      case "manifestWanted":
        if (this.#accepted || this.#hasListed) throw violation("asked for the components again");
        this.#hasListed = true;
        if (!aborted) this.#run.list((said) => this.#send({ event: said }));
        return undefined;
      case undefined:
        throw violation("sent an empty message");
    }
  }

  /** The stream broke. Whose doing it was decides what that means. */
  #lost(error: ServiceError): Outcome {
    const { address, connectTimeoutMs, signal } = this.#options;
    switch (this.#ending) {
      case "cancelled":
        return this.#run.cancelled(signal.reason);
      case "unconnected":
        throw BrokenAttempt.unconnected(address, connectTimeoutMs);
      case "refused":
        throw notAccepted(this.#options, this.#run.accepted);
      case "timeout": {
        const message = `The executor did not end the run within its ${this.#run.wallMs} ms; the app gave it up`;
        return this.#run.end({ type: "Timeout", message });
      }
      case undefined:
        throw new BrokenAttempt(address, error);
    }
  }

  #abort(): void {
    if (this.#over.signal.aborted) return; // Finished came first
    const { reason } = this.#options.signal;
    this.#ending = "cancelled";
    this.#run.release(reason);
    // Before Accepted there is no usage to wait for; and behind what an executor does not read it would read no Cancel.
    if (!this.#accepted || this.#stream.writableLength > 0) return this.#stream.cancel();
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

  #sendJournal(): void {
    // An executor has one use for it at a time; one that asks faster than it reads would fill our memory.
    if (this.#journalOnItsWay) throw violation("asked for the journal while it was on its way");
    this.#journalOnItsWay = true;
    this.#link.sendJournal();
    void this.#sent.then(() => (this.#journalOnItsWay = false));
  }

  /** Queues a message (T2). What cannot be sent any more is dropped: the reader learns of the end. */
  #send(message: ClientMessage): void {
    const { signal } = this.#over;
    this.#sent = this.#sent
      .then(() => (signal.aborted ? undefined : send(this.#stream, message, signal)))
      .catch(() => {});
  }
}
