import { type CallResult, type Finished, type Idle, RunErrorType } from "@codemode/proto/messages";
import type { Done } from "@codemode/proto/worker";
import { causeOf, type Death } from "../pool/death.ts";
import type { Lease } from "../pool/lease.ts";
import { CPU_TICK_MS } from "../pool/probe.ts";
import type { RunEvent, RunSink } from "../pool/run.ts";
import type { Excess } from "../pool/watch.ts";
import { residentLimit } from "./budgets.ts";
import type { Journal } from "./journal.ts";
import { checkAnswer, Ledger } from "./ledger.ts";
import { disbelief, failure, type Failure, finishedByEdge, finishedByWorker, placeOf, type Seen } from "./outcome.ts";
import { RunClock } from "./run-clock.ts";
import type { Program } from "./start.ts";
import type { Outgoing } from "./stream.ts";

/** What a run needs of its session. */
export interface RunOwner {
  send(event: Outgoing): void;
  /** A worker to go on with. */
  lend(signal: AbortSignal): Promise<Lease>;
  /** Once, and last. */
  finished(finished: Finished, end: RunErrorType | undefined): void;
  /** Something broke that is not the program's doing. */
  broken(error: unknown): void;
}

// ActiveRun
// ==========================================================================
// One program from Accepted to its end, on one worker after another: it leaves its worker when others need it more,
// loses it when it dies, and comes back by running again from the start with the answers that it had.
//
//   Journal owns   the calls and answers of the run: what a later life of the program is made from.
//   Ledger owns    the budgets of one life.
//
// R1  What the app has been asked, told or shown once it is not asked, told or shown again by a later life.
// R2  Answers reach the program in the order in which they came from the app, each when the one before has been dealt with.
// R3  A program that kills its worker does not do so without end.

/** Where the program is. */
type Life =
  | { readonly kind: "on a worker"; readonly lease: Lease; readonly ledger: Ledger }
  /** Off its worker until an answer comes. */
  | { readonly kind: "parked"; readonly ledger: Ledger }
  /** The app is asked for the journal. */
  | { readonly kind: "recalling"; readonly ledger: Ledger }
  /** In the line for a worker. */
  | { readonly kind: "resuming"; readonly ledger: Ledger; readonly leave: AbortController }
  | { readonly kind: "over" };

const GRACE_MS = 100; // for a worker to tell where its program was
const CLOCK_SLACK_MS = 20; // between our clock and the worker's
const MAX_DEATHS = { withoutProgress: 2, inAll: 10 } as const;

/** See the head of this file. */
export class ActiveRun implements RunSink {
  readonly #program: Program;
  readonly #owner: RunOwner;
  readonly #journal: Journal;
  readonly #clock: RunClock;
  readonly #shown: { logs: number; outputs: number };
  #life: Life = { kind: "over" };
  #released: Promise<void> = Promise.resolve();
  #grace: NodeJS.Timeout | undefined;
  #isHeld = false;
  /** By the last life that was looked at: each does all over again. */
  #used = { cpuMs: 0, peakResidentBytes: 0 };
  #deaths = 0;
  #deathsInARow = 0;
  #answeredAtDeath = -1;

  /** Takes `lease` and `journal`. */
  constructor(program: Program, lease: Lease, journal: Journal, owner: RunOwner) {
    this.#program = program;
    this.#owner = owner;
    this.#journal = journal;
    this.#shown = { ...program.shown };
    const { wallMs, waitMs } = program.budgets;
    this.#clock = new RunClock({ wallMs, waitMs }, (spent) => this.#overdue(this.#timeout(spent)));
    this.#begin(lease);
  }

  /** Passes an answer on. False when the worker's channel is full. Throws a Refusal when nothing asked for it. */
  answer(result: CallResult): boolean {
    checkAnswer(result, this.#program.budgets.answerBytes);
    if (!this.#journal.answer(result)) return true;
    switch (this.#life.kind) {
      case "on a worker":
        this.#journal.trim(); // it is on its way to the worker; another life asks the app again
        this.#clock.spend("wall");
        return this.#life.lease.settle(result);
      case "parked":
        this.#resume(this.#life.ledger);
        return true;
      case "recalling": // it is in the journal that comes
      case "resuming": // it is delivered with the others
      case "over":
        return true;
    }
  }

  /** True while the journal of the app is wanted. */
  get isRecalling(): boolean {
    return this.#life.kind === "recalling";
  }

  /** The journal is complete again. */
  recalled(): void {
    if (this.#life.kind === "recalling") this.#queue(this.#life.ledger);
  }

  /** Calls `listener` when the worker's channel has room again. */
  onRoom(listener: () => void): void {
    if (this.#life.kind === "on a worker") this.#life.lease.onRoom(listener);
    else listener();
  }

  /** Leaves what the program says with its worker, until `unhold`. */
  hold(): void {
    this.#isHeld = true;
    if (this.#life.kind === "on a worker") this.#life.lease.pause();
  }

  unhold(): void {
    this.#isHeld = false;
    if (this.#life.kind !== "on a worker") return;
    this.#life.lease.resume();
    this.#life.lease.offer(); // somebody may have asked for the worker meanwhile, and was told no
  }

  /** Ends the run for the app. */
  cancel(reason: string): void {
    this.#fail(failure(RunErrorType.RUN_ERROR_TYPE_CANCELLED, reason));
  }

  /** Ends the run with nobody to tell. Resolves when the slot is free. */
  abandon(): Promise<void> {
    return this.#close(RunErrorType.RUN_ERROR_TYPE_CANCELLED);
  }

  get parkable(): boolean {
    return this.#life.kind === "on a worker" && !this.#isHeld && this.#grace === undefined;
  }

  park(): void {
    const life = this.#life;
    if (life.kind !== "on a worker") return;
    this.#used = life.lease.used();
    this.#life = { kind: "parked", ledger: life.ledger };
    this.#journal.trim();
    this.#released = life.lease.release(RunErrorType.RUN_ERROR_TYPE_CANCELLED);
  }

  event(event: RunEvent): void {
    if (this.#life.kind !== "on a worker") return;
    const { ledger } = this.#life;
    switch (event.$case) {
      case "log": {
        const verdict = ledger.log(event.value);
        if (verdict === "send") this.#show("logs", ledger.logLines, event);
        else if (verdict !== "drop") this.#fail(verdict);
        return;
      }
      case "output": {
        const over = ledger.output(event.value);
        if (over) this.#fail(over);
        else this.#show("outputs", ledger.outputs, event);
        return;
      }
      case "call": {
        const verdict = ledger.call(event.value);
        if (verdict === "ask") this.#owner.send(event);
        else if (verdict !== "wait") this.#fail(verdict);
        return;
      }
      case "callCancelled": {
        const tell = ledger.cancelled(event.value.seq);
        if (tell === true) this.#owner.send(event);
        else if (tell !== false) this.#fail(tell);
        return;
      }
      case "idle":
        return this.#idle(this.#life.lease, event.value);
      case "done":
        return this.#done(ledger, event.value);
    }
  }

  over(excess: Excess): void {
    this.#fail(excess === "cpu" ? this.#cpuLimit() : memoryLimit);
  }

  died(death: Death): void {
    if (this.#life.kind !== "on a worker") return;
    const cause = causeOf(death);
    const hasProgressed = this.#journal.answered > this.#answeredAtDeath;
    this.#answeredAtDeath = this.#journal.answered;
    this.#deaths += 1;
    this.#deathsInARow = hasProgressed ? 1 : this.#deathsInARow + 1;
    const isEnough = this.#deathsInARow > MAX_DEATHS.withoutProgress || this.#deaths > MAX_DEATHS.inAll;
    if (cause.type !== RunErrorType.RUN_ERROR_TYPE_CRASHED || isEnough) return this.#fail(cause);
    const { lease, ledger } = this.#life;
    this.#released = lease.release(RunErrorType.RUN_ERROR_TYPE_CRASHED);
    this.#resume(ledger);
  }

  /** A life of the program: from its start, with the answers that there are. */
  #begin(lease: Lease): void {
    const program = this.#program;
    const { cpuMs } = program.budgets;
    this.#life = { kind: "on a worker", lease, ledger: new Ledger(program, this.#journal) };
    // What is done over again was counted the first time; the CPU limit stands against a life that never catches up.
    this.#clock.spend(this.#journal.answered > 0 ? "held" : "wall");
    lease.begin(program.run, { cpuMs, residentBytes: residentLimit(program.budgets) }, this);
    for (const answer of this.#journal.answers ?? []) lease.settle(answer);
    this.#journal.trim();
    if (this.#isHeld) lease.pause();
  }

  #resume(ledger: Ledger): void {
    if (this.#journal.answers) return this.#queue(ledger);
    this.#clock.spend("held");
    this.#life = { kind: "recalling", ledger };
    this.#owner.send({ $case: "journalWanted", value: {} });
  }

  /** Waits for a worker. */
  #queue(ledger: Ledger): void {
    const leave = new AbortController();
    this.#clock.spend("held");
    this.#life = { kind: "resuming", ledger, leave };
    void this.#goOn(leave.signal);
  }

  async #goOn(signal: AbortSignal): Promise<void> {
    try {
      const lease = await this.#owner.lend(signal);
      if (this.#life.kind === "resuming") this.#begin(lease);
      else void lease.release(undefined);
    } catch (error) {
      if (this.#life.kind === "resuming") this.#owner.broken(error);
    }
  }

  #idle(lease: Lease, { awaited }: Idle): void {
    if (!lease.waiting) return; // more answers are on their way to it
    if (!awaited.every((seq) => this.#journal.isOpen(seq))) {
      const message = "It waits for what was answered or given up before";
      return this.#fail(failure(RunErrorType.RUN_ERROR_TYPE_DIVERGED, message));
    }
    this.#clock.spend(awaited.every((seq) => this.#journal.isTimer(seq)) ? "wall" : "wait");
    if (awaited.length > 0) this.#owner.send({ $case: "idle", value: { awaited } });
  }

  /** Shows the app what earlier lives have not (R1). */
  #show(what: "logs" | "outputs", count: number, event: Outgoing): void {
    if (count <= this.#shown[what]) return;
    this.#shown[what] = count;
    this.#owner.send(event);
  }

  #done(ledger: Ledger, done: Done): void {
    const seen = this.#seen();
    const { wallMs, cpuMs } = this.#program.budgets;
    const error = done.result?.$case === "error" ? done.result.value : undefined;
    const slack = error?.type === RunErrorType.RUN_ERROR_TYPE_TIMEOUT ? CLOCK_SLACK_MS : 0;
    if (seen.wallMs > wallMs - slack) return this.#fail({ ...placeOf(error), ...this.#timeout("wall") }); // late results are errors
    if (seen.cpuMs > cpuMs + CPU_TICK_MS) return this.#fail(this.#cpuLimit());
    const over = done.result?.$case === "value" ? ledger.result(done.result.value) : undefined;
    const broken = over ?? disbelief(done, ledger);
    if (broken) return this.#fail(broken);
    this.#end(finishedByWorker(done, seen, ledger), error?.type);
  }

  /** A program that runs is stopped by its worker, which can tell where it was, if it is quick. */
  #overdue(late: Failure): void {
    const isBusy = this.#life.kind === "on a worker" && !this.#life.lease.waiting;
    if (!isBusy) return this.#fail(late);
    this.#grace = setTimeout(() => this.#fail(late), GRACE_MS);
  }

  #fail(failed: Failure): void {
    if (this.#life.kind === "over") return;
    this.#end(finishedByEdge(failed, this.#seen(), this.#life.ledger), failed.type);
  }

  #end(finished: Finished, end: RunErrorType | undefined): void {
    void this.#close(end);
    this.#owner.finished(finished, end);
  }

  /** Resolves when the run has no worker any more. */
  get released(): Promise<void> {
    return this.#released;
  }

  #close(end: RunErrorType | undefined): Promise<void> {
    const life = this.#life;
    this.#life = { kind: "over" };
    clearTimeout(this.#grace);
    this.#clock.stop();
    this.#journal.dispose();
    if (life.kind === "on a worker") this.#released = life.lease.release(end);
    if (life.kind === "resuming") life.leave.abort();
    return this.#released;
  }

  #seen(): Seen {
    if (this.#life.kind === "on a worker") this.#used = this.#life.lease.used();
    const { cpuMs, peakResidentBytes } = this.#used;
    return { wallMs: this.#clock.wallMs, waitMs: this.#clock.waitMs, cpuMs, peakResidentBytes };
  }

  #timeout(spent: "wall" | "wait"): Failure {
    const { wallMs, waitMs } = this.#program.budgets;
    const message = spent === "wait" ? `Waited for tools for more than ${waitMs} ms` : `Ran for more than ${wallMs} ms`;
    return failure(RunErrorType.RUN_ERROR_TYPE_TIMEOUT, message);
  }

  #cpuLimit(): Failure {
    const message = `Used more than ${this.#program.budgets.cpuMs} ms of CPU time`;
    return failure(RunErrorType.RUN_ERROR_TYPE_CPU_LIMIT, message);
  }
}

const memoryLimit = failure(RunErrorType.RUN_ERROR_TYPE_MEMORY_LIMIT, "Used more memory than a run may have");
