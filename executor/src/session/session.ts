// Session
// ==========================================================================
// One Execute stream: one attempt at one run.
//
//   Session owns   the order of messages, the lease, the one end of the stream.
//   ActiveRun      owns the budgets while a worker runs the program.
//   The edge       owns the call; it is seen here as a RunStream.
//
// S1  Start comes first and once; what breaks the order ends the stream with a status.
// S2  Finished is sent once and last, and the stream then ends OK.
// S3  When the stream is gone, for whatever reason, so is the run.
import {
  Cancel,
  type CallResult,
  type Finished,
  type Journal as Piece,
  type ManifestPiece,
  RunErrorType,
  type Start,
} from "@codemode/proto/messages";
import { CodemodeError } from "@codemode/proto";
import type { Lease } from "../pool/lease.ts";
import { ActiveRun } from "./active-run.ts";
import { wireBudgets } from "./budgets.ts";
import { Gathering } from "./gathering.ts";
import type { Journal } from "./journal.ts";
import { JournalPieces } from "./journal-pieces.ts";
import { Ledger } from "./ledger.ts";
import { failure, finishedByEdge } from "./outcome.ts";
import { Refusal } from "./refusal.ts";
import { report } from "./report.ts";
import type { Program } from "./start.ts";
import type { Incoming, Outgoing, RunStream, SessionHost } from "./stream.ts";

type State =
  | { readonly kind: "awaiting start"; readonly due: NodeJS.Timeout }
  | {
      readonly kind: "gathering";
      readonly gathering: Gathering;
      readonly program: Program;
      readonly journal: Journal;
    }
  | { readonly kind: "queued"; readonly program: Program; readonly journal: Journal; readonly leave: AbortController }
  | {
      readonly kind: "running";
      readonly program: Program;
      readonly journal: Journal;
      readonly run: ActiveRun;
      readonly since: number;
    }
  | { readonly kind: "finished" };

const START_WITHIN_MS = 5_000; // grpc-js has no timer for a first message

export class Session {
  readonly #stream: RunStream;
  readonly #host: SessionHost;
  readonly #done = Promise.withResolvers<void>();
  /** Of a journal that a run has asked for. */
  #pieces: JournalPieces | undefined;
  /** Who has no room: each is waited for by one listener. */
  readonly #full = { peer: false, worker: false };
  #state: State;

  constructor(stream: RunStream, host: SessionHost) {
    this.#stream = stream;
    this.#host = host;
    void this.ended.then(() => host.holding[Symbol.dispose]());
    const late = (): void =>
      this.stop(new CodemodeError("TIMEOUT", `Cannot wait for Start any longer than ${START_WITHIN_MS} ms`));
    this.#state = { kind: "awaiting start", due: setTimeout(late, START_WITHIN_MS) };
  }

  /** Resolves when the stream has ended and the worker is free or gone. Never rejects. */
  get ended(): Promise<void> {
    return this.#done.promise;
  }

  /** True from Accepted to the end. */
  get running(): boolean {
    return this.#state.kind === "running";
  }

  /** Takes one message of the client. */
  receive(event: Incoming): void {
    if (this.#state.kind === "finished") return; // it crossed our end
    try {
      switch (event?.$case) {
        case "start":
          return this.#start(event.value);
        case "callResult":
          return this.#answer(event.value);
        case "cancel":
          return this.#cancel(event.value);
        case "journal":
          return this.#recall(event.value);
        case "manifest":
          return this.#list(event.value);
        case undefined:
          throw new Refusal("event", "the message says nothing");
      }
    } catch (error) {
      this.#stopBy(error);
    }
  }

  /** The client will say no more. Before Finished this gives the run up. */
  halfClosed(): void {
    if (this.#state.kind === "awaiting start") return this.stop(new Refusal("event", "the stream ended before Start"));
    this.#cancel({ reason: "the client ended its side of the stream" });
  }

  /** Ends the stream with the status of `error`, or, without one, because it is gone. The run is given up. */
  stop(error?: CodemodeError): void {
    const state = this.#state;
    if (state.kind === "finished") return;
    this.#state = { kind: "finished" };
    this.#pieces?.dispose();
    this.#stream.end(error);
    this.#host.ended(
      report(state.kind === "awaiting start" ? undefined : state.program, durationOf(state), {
        status: error?.code ?? "GONE",
        cause: error?.cause,
      }),
    );
    switch (state.kind) {
      case "awaiting start":
        clearTimeout(state.due);
        return this.#done.resolve();
      case "gathering":
        state.gathering[Symbol.dispose]();
        state.journal.dispose();
        return this.#done.resolve();
      case "queued":
        state.leave.abort(error);
        state.journal.dispose();
        return this.#done.resolve();
      case "running":
        return void state.run.abandon().then(() => this.#done.resolve());
    }
  }

  /** A fault of ours ends one stream, not the executor. */
  #stopBy(error: unknown): void {
    if (CodemodeError.is(error)) return this.stop(error);
    this.stop(new CodemodeError("INTERNAL", "Cannot go on with this run: a fault of the executor", { cause: error }));
  }

  #start(start: Start): void {
    if (this.#state.kind !== "awaiting start") throw new Refusal("start", "it was sent before");
    const gathering = new Gathering(start, this.#host, (late) => this.stop(late));
    clearTimeout(this.#state.due);
    this.#state = { kind: "gathering", gathering, program: gathering.program, journal: gathering.journal };
    if (gathering.wantsManifest) this.#stream.write({ $case: "manifestWanted", value: {} });
    this.#recall(start.journal ?? { entries: [], more: false });
  }

  /** A piece of the journal: after Start, or because the run has asked for it. */
  #recall(piece: Piece): void {
    const state = this.#state;
    if (state.kind === "gathering") {
      state.gathering.recall(piece);
      return this.#queueWhenWhole(state.gathering);
    }
    const isWanted = state.kind === "running" && state.run.residence.isRecalling;
    if (!isWanted) throw new Refusal("journal", "nobody has asked for it");
    this.#pieces ??= new JournalPieces(state.journal, this.#host.keep, state.program.budgets);
    if (!this.#pieces.add(piece)) return;
    this.#pieces = undefined;
    state.run.residence.recalled();
  }

  /** Some of the components that were asked for. */
  #list(piece: ManifestPiece): void {
    if (this.#state.kind !== "gathering") throw new Refusal("manifest", "nobody has asked for it");
    const { gathering } = this.#state;
    gathering.list(piece);
    this.#queueWhenWhole(gathering);
  }

  #queueWhenWhole(gathering: Gathering): void {
    if (!gathering.isWhole) return;
    gathering[Symbol.dispose]();
    this.#queue(gathering.program, gathering.journal);
  }

  #queue(program: Program, journal: Journal): void {
    const leave = new AbortController();
    this.#state = { kind: "queued", program, journal, leave };
    this.#host
      .lend({ tenant: program.tenant }, leave.signal)
      .then((lease) => this.#accept(program, journal, lease))
      .catch((error: unknown) => this.#stopBy(error));
    // It has to wait: what the journal tells would wait with it, and can be told again.
    setImmediate(() => this.#state.kind === "queued" && journal.trim());
  }

  #accept(program: Program, journal: Journal, lease: Lease): void {
    if (this.#state.kind !== "queued") return void lease.release(undefined); // given up meanwhile
    try {
      const { executorId } = this.#host;
      const run = new ActiveRun(program, lease, journal, {
        send: (event) => this.#relay(event),
        lend: (signal) => this.#host.lend({ tenant: program.tenant, isAccepted: true }, signal),
        finished: (finished, end) => this.#finish(program, finished, end),
        broken: (error) => this.#stopBy(error),
      });
      this.#state = { kind: "running", program, journal, run, since: performance.now() };
      // The worker is at work meanwhile; whatever is said of the run is said in a later turn.
      const budgets = wireBudgets(program.budgets);
      this.#stream.write({ $case: "accepted", value: { executorId, budgets, takesBatches: true } });
    } catch (error) {
      void lease.release(RunErrorType.RUN_ERROR_TYPE_CRASHED);
      throw error;
    }
  }

  /** A slow reader stops the worker where it writes, so nothing piles up here. */
  #relay(event: Outgoing): void {
    if (this.#stream.write(event) || this.#full.peer) return; // what was read already still comes
    this.#full.peer = true;
    const isRunning = (): ActiveRun | undefined => (this.#state.kind === "running" ? this.#state.run : undefined);
    isRunning()?.residence.hold();
    this.#stream.onRoom(() => {
      this.#full.peer = false;
      isRunning()?.residence.unhold();
    });
  }

  #answer(result: CallResult): void {
    if (this.#state.kind !== "running") throw new Refusal("event", "a CallResult came before any Call");
    const { run } = this.#state;
    if (run.answer(result) || this.#full.worker) return;
    this.#full.worker = true;
    this.#stream.pause();
    run.residence.onRoom(() => {
      this.#full.worker = false;
      this.#stream.resume();
    });
  }

  #cancel({ reason }: Cancel): void {
    const message = `Cancelled: ${reason.slice(0, 200) || "the client asked for it"}`;
    switch (this.#state.kind) {
      case "awaiting start":
        throw new Refusal("event", "Cancel came before Start");
      case "gathering":
      case "queued": {
        const { program, journal } = this.#state;
        const cancelled = failure(RunErrorType.RUN_ERROR_TYPE_CANCELLED, message);
        const none = { wallMs: 0, waitMs: 0, cpuMs: 0, peakResidentBytes: 0 };
        if (this.#state.kind === "queued") this.#state.leave.abort();
        else this.#state.gathering[Symbol.dispose]();
        journal.dispose();
        return this.#finish(program, finishedByEdge(cancelled, none, new Ledger(program, journal)), cancelled.type);
      }
      case "running":
        return this.#state.run.cancel(message);
      case "finished":
    }
  }

  #finish(program: Program, finished: Finished, end: RunErrorType | undefined): void {
    const released = this.#state.kind === "running" ? this.#state.run.residence.released : Promise.resolve();
    const durationMs = durationOf(this.#state);
    this.#state = { kind: "finished" };
    this.#pieces?.dispose();
    this.#stream.write({ $case: "finished", value: finished });
    this.#stream.end();
    this.#stream.resume(); // a paused peer could not be seen to leave
    this.#host.ended(report(program, durationMs, { finished, end }));
    void released.then(() => this.#done.resolve());
  }
}

/** How long a run has had its slot, in milliseconds. */
function durationOf(state: State): number | undefined {
  return state.kind === "running" ? performance.now() - state.since : undefined;
}
