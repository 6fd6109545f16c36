import type { ClientDuplexStream, ServiceError } from "@grpc/grpc-js";
import type { CallResult, ClientMessage, ExecutorMessage, Finished } from "@codemode/proto";
import { messageOf } from "../thrown.ts";
import { Doubt, violation } from "../run/gate.ts";
import { bytesOf, Divergence, type Link } from "../run/link.ts";
import type { Outcome } from "../run/outcome.ts";
import type { Run } from "../run/run.ts";
import { Batch, MAX_TIMER_MS } from "@codemode/proto/messages";
import { BrokenAttempt, isServiceError, notAccepted } from "./failure.ts";
import { Outgoing } from "./outgoing.ts";

// Attempt
// ==========================================================================
// One Execute stream: one attempt at one run. Translates between the stream and the Run, and always ends.
//
// T1  The stream is over when run() settles, but for the status behind Finished, which nobody needs to wait for.
// T2  What the run says is sent in the order in which it was said. An abort waits for none of it.
// T3  There is an Outcome, or a violation, or the stream broke: BrokenAttempt. Then the run can go on in another attempt,
//     and its handlers run on. Not when its time is used up: an executor may be late once, not in every attempt.
// T4  After an abort no handler is started any more.

const GRACE_MS = 10_000; // what an executor may be late before the app ends a run by itself
const CANCEL_GRACE_MS = 500; // what it may take to answer a Cancel: all is to be free within a second
const END_GRACE_MS = 2_000; // what it may take to end the stream after Finished, until it is ended for it

/** Why this side ended the stream. */
type Ending = "unconnected" | "refused" | "timeout" | "cancelled";
type Stream = ClientDuplexStream<ClientMessage, ExecutorMessage>;

/** To a call, on its way. */
interface Answer {
  readonly result: CallResult;
  readonly onSent: (() => void) | undefined;
}

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
  readonly #outgoing: Outgoing<ClientMessage>;
  #link!: Link; // from the first step of run() on
  readonly #answers = new Batch<Answer>((answers) => this.#sayAnswers(answers));
  #accepted = false;
  #takesBatches = false;
  #journalOnItsWay = false;
  #hasListed = false;
  #finished: Finished | undefined;
  #timer: NodeJS.Timeout | undefined;
  #connecting: NodeJS.Timeout | undefined;
  #ending: Ending | undefined;

  constructor(stream: Stream, run: Run, options: AttemptOptions) {
    this.#stream = stream;
    this.#run = run;
    this.#options = options;
    this.#outgoing = new Outgoing(stream);
    stream.on("error", () => {}); // also when it is over: without a listener an error would end the process
  }

  async run(): Promise<Outcome> {
    const { signal, acceptTimeoutMs, connectTimeoutMs, isConnected } = this.#options;
    this.#connecting = setTimeout(() => isConnected() || this.#end("unconnected"), connectTimeoutMs);
    const onAbort = () => this.#abort();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      if (signal.aborted) onAbort();
      this.#link = this.#run.connect((event, onSent) => this.#say(event, onSent));
      this.#arm(acceptTimeoutMs, "refused");
      return this.#outcome(await this.#read());
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
      this.#outgoing.close();
      if (this.#finished) this.#leave();
      else this.#stream.cancel(); // of no effect on a stream that has ended
    }
  }

  /** The executor ends the stream in the next moment. To reset it would be an error to both sides. */
  #leave(): void {
    const stream = this.#stream.removeAllListeners("data").resume();
    const timer = setTimeout(() => stream.cancel(), END_GRACE_MS);
    stream.once("status", () => clearTimeout(timer));
  }

  /** Takes what comes, as it comes. Resolves at Finished, or when the stream is over, with what has broken it. */
  #read(): Promise<ServiceError | undefined> {
    const stream = this.#stream;
    const { promise, resolve, reject } = Promise.withResolvers<ServiceError | undefined>();
    const onData = (message: ExecutorMessage) => {
      try {
        this.#take(message);
        if (this.#finished) resolve(undefined);
      } catch (error) {
        stream.off("data", onData); // nothing that it says is heard any more
        reject(error);
      }
    };
    stream.on("data", onData);
    stream.once("end", () => resolve(undefined));
    stream.once("error", (error) => {
      while (stream.read() !== null); // what came before it is taken first
      if (isServiceError(error)) resolve(error);
      else reject(error);
    });
    return promise;
  }

  #outcome(broken: ServiceError | undefined): Outcome {
    const finished = this.#finished;
    if (broken && !finished) return this.#lost(broken);
    if (this.#ending === "cancelled") return this.#run.cancelled(this.#options.signal.reason, finished);
    if (finished) return this.#run.finish(finished);
    throw violation("ended the stream without Finished");
  }

  #take({ event }: ExecutorMessage): void {
    if (this.#finished) return; // that was the last word
    const aborted = this.#ending === "cancelled";
    const mayComeFirst = event?.$case === "accepted" || event?.$case === "manifestWanted";
    if (!mayComeFirst && !this.#accepted && !aborted) throw violation("spoke before Accepted");
    switch (event?.$case) {
      case "accepted":
        if (this.#accepted) throw violation("accepted the run twice");
        this.#accepted = true;
        this.#takesBatches = event.value.takesBatches;
        this.#run.accept(event.value);
        clearTimeout(this.#connecting); // a channel that is told to move on keeps its open streams
        if (!aborted) this.#arm(this.#run.leftMs + GRACE_MS, "timeout");
        return;
      case "log":
        this.#run.log(event.value);
        return;
      case "output":
        this.#run.output(event.value);
        return;
      case "call":
        if (aborted) return; // T4
        this.#link.call(event.value);
        return;
      case "callBatch":
        if (event.value.calls.length === 0) throw violation("sent an empty batch of calls");
        for (const value of event.value.calls) this.#take({ event: { $case: "call", value } });
        return;
      case "callCancelled":
        if (!aborted) this.#link.cancelCall(event.value.seq);
        return;
      case "idle":
        if (!aborted) this.#run.idle(event.value.awaited);
        return;
      case "finished":
        this.#finished = event.value;
        this.#outgoing.close();
        this.#stream.end();
        return;
      case "journalWanted":
        if (!aborted) this.#sendJournal();
        return;
      case "manifestWanted":
        if (this.#accepted || this.#hasListed) throw violation("asked for the components again");
        this.#hasListed = true;
        if (!aborted) this.#run.list((said) => this.#say(said));
        return;
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
      case "timeout":
        return this.#late("the app gave it up");
      case undefined: {
        const broken = new BrokenAttempt(address, error);
        if (broken.retryable && this.#run.leftMs === 0) return this.#late(`then it was lost: ${broken.message}`);
        throw broken;
      }
    }
  }

  #late(what: string): Outcome {
    const message = `The executor did not end the run within its ${this.#run.wallMs} ms; ${what}`;
    return this.#run.end({ type: "Timeout", message });
  }

  #abort(): void {
    if (this.#finished) return; // it came first
    const { reason } = this.#options.signal;
    this.#ending = "cancelled";
    this.#run.release(reason);
    if (!this.#accepted) return this.#cancel(); // there is no usage to wait for
    this.#say({ $case: "cancel", value: { reason: messageOf(reason) } });
    this.#arm(CANCEL_GRACE_MS, "cancelled");
    // Behind what an executor does not read it would read no Cancel. What it can read is gone when this turn is over.
    setImmediate(() => this.#stream.writableLength > 0 && this.#cancel());
  }

  #say(event: NonNullable<ClientMessage["event"]>, onSent?: () => void): void {
    if (event.$case === "callResult" && this.#takesBatches) {
      const { value: result } = event;
      if (this.#answers.add({ result, onSent }, bytesOf(result))) return;
    }
    this.#answers.flush(); // T2
    this.#outgoing.say({ event }, onSent);
  }

  #sayAnswers(answers: readonly Answer[]): void {
    const [only, another] = answers;
    if (!only) return;
    if (!another) return this.#outgoing.say({ event: { $case: "callResult", value: only.result } }, only.onSent);
    const results = answers.map(({ result }) => result);
    this.#outgoing.say({ event: { $case: "callResultBatch", value: { results } } }, () => {
      for (const { onSent } of answers) onSent?.();
    });
  }

  /** Ends the stream from this side when `ms` have passed. Replaces the timer before. */
  #arm(ms: number, ending: Ending | undefined): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#end(ending), Math.min(ms, MAX_TIMER_MS));
  }

  #end(ending: Ending | undefined): void {
    this.#ending ??= ending;
    this.#cancel();
  }

  #cancel(): void {
    this.#outgoing.close();
    this.#stream.cancel();
  }

  #sendJournal(): void {
    // An executor has one use for it at a time; one that asks faster than it reads would fill our memory.
    if (this.#journalOnItsWay) throw violation("asked for the journal while it was on its way");
    this.#journalOnItsWay = true;
    this.#link.sendJournal();
    void this.#outgoing.sent().then(() => (this.#journalOnItsWay = false));
  }
}
