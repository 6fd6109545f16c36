import { type CallResult, type Finished, RunErrorType } from "@codemode/proto/messages";
import type { Done, Idle } from "@codemode/proto/worker";
import type { Lease } from "../pool/lease.ts";
import { CPU_TICK_MS } from "../pool/probe.ts";
import type { RunEvent } from "../pool/run.ts";
import type { Excess } from "../pool/watch.ts";
import type { Journal } from "./journal.ts";
import { checkAnswer } from "./journal-entry.ts";
import { Ledger } from "./ledger.ts";
import { disbelief, failure, type Failure, finishedByEdge, finishedByWorker, placeOf, type Seen } from "./outcome.ts";
import { Residence, type Resident } from "./residence.ts";
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
// One program from Accepted to its end: what becomes of what it says, and how it ends.
//
//   Residence owns   the worker that it is on, and how it comes to another one.
//   Journal owns     the calls and answers of the run.
//   Ledger owns      the budgets of one life of the program.
//
// R1  What the app has been asked, told or shown once it is not asked, told or shown again by a later life.
// R2  There is one end, and it is the last that is said.

const GRACE_MS = 100; // for a worker to tell where its program was
const CLOCK_SLACK_MS = 20; // between our clock and the worker's

/** See the head of this file. */
export class ActiveRun implements Resident {
  readonly #program: Program;
  readonly #owner: RunOwner;
  readonly #journal: Journal;
  readonly #clock: RunClock;
  readonly #shown: { logs: number; outputs: number };
  /** Where the program is. */
  readonly residence: Residence;
  #ledger: Ledger;
  #grace: NodeJS.Timeout | undefined;
  #isOver = false;

  /** Takes `lease` and `journal`. */
  constructor(program: Program, lease: Lease, journal: Journal, owner: RunOwner) {
    this.#program = program;
    this.#owner = owner;
    this.#journal = journal;
    this.#shown = { ...program.shown };
    this.#ledger = new Ledger(program, journal);
    const { wallMs, waitMs } = program.budgets;
    this.#clock = new RunClock({ wallMs, waitMs }, (spent) => this.#overdue(this.#timeout(spent)));
    this.residence = new Residence(program, journal, this.#clock, this);
    this.residence.moveIn(lease);
  }

  /** Passes an answer on. False when the worker's channel is full. Throws a Refusal when nothing asked for it. */
  answer(result: CallResult): boolean {
    checkAnswer(result, "call_result", this.#program.budgets.answerBytes);
    return this.#journal.answer(result) ? this.residence.deliver(result) : true;
  }

  /** Ends the run for the app. */
  cancel(reason: string): void {
    this.fails(failure(RunErrorType.RUN_ERROR_TYPE_CANCELLED, reason));
  }

  /** Ends the run with nobody to tell. Resolves when the slot is free. */
  abandon(): Promise<void> {
    return this.#close(RunErrorType.RUN_ERROR_TYPE_CANCELLED);
  }

  lend(signal: AbortSignal): Promise<Lease> {
    return this.#owner.lend(signal);
  }

  begins(): void {
    this.#ledger = new Ledger(this.#program, this.#journal);
  }

  wantsJournal(): void {
    this.#owner.send({ $case: "journalWanted", value: {} });
  }

  broken(error: unknown): void {
    this.#owner.broken(error);
  }

  event(event: RunEvent): void {
    if (this.#isOver) return;
    const ledger = this.#ledger;
    switch (event.$case) {
      case "log": {
        const verdict = ledger.log(event.value);
        if (verdict === "send") this.#show("logs", ledger.logLines, event);
        else if (verdict !== "drop") this.fails(verdict);
        return;
      }
      case "output": {
        const over = ledger.output(event.value);
        if (over) this.fails(over);
        else this.#show("outputs", ledger.outputs, event);
        return;
      }
      case "call": {
        const verdict = ledger.call(event.value);
        if (verdict === "ask") this.#owner.send(event);
        else if (verdict !== "wait") this.fails(verdict);
        return;
      }
      case "callCancelled": {
        const tell = ledger.cancelled(event.value.seq);
        if (tell === true) this.#owner.send(event);
        else if (tell !== false) this.fails(tell);
        return;
      }
      case "idle":
        return this.#idle(event.value);
      case "done":
        return this.#done(event.value);
    }
  }

  over(excess: Excess): void {
    this.fails(excess === "cpu" ? this.#cpuLimit() : memoryLimit);
  }

  fails(failed: Failure): void {
    if (this.#isOver) return;
    this.#end(finishedByEdge(failed, this.#seen(), this.#ledger), failed.type);
  }

  #idle({ open }: Idle): void {
    if (open !== this.#journal.open) {
      const message = "It waits for other calls than it did before";
      return this.fails(failure(RunErrorType.RUN_ERROR_TYPE_DIVERGED, message));
    }
    this.#clock.spend(this.#journal.awaitsTimersOnly ? "wall" : "wait");
    if (this.#program.isIdleWanted) this.#owner.send({ $case: "idle", value: { awaited: this.#journal.awaited } });
  }

  /** Shows the app what earlier lives have not (R1). */
  #show(what: "logs" | "outputs", count: number, event: Outgoing): void {
    if (count <= this.#shown[what]) return;
    this.#shown[what] = count;
    this.#owner.send(event);
  }

  #done(done: Done): void {
    const seen = this.#seen();
    const { wallMs, cpuMs } = this.#program.budgets;
    const error = done.result?.$case === "error" ? done.result.value : undefined;
    // The worker's clock begins where ours was, and goes on while ours stands still over the last of what is done again.
    const aheadMs =
      error?.type === RunErrorType.RUN_ERROR_TYPE_TIMEOUT ? this.residence.residentMs + CLOCK_SLACK_MS : 0;
    if (seen.wallMs + aheadMs > wallMs) return this.fails({ ...placeOf(error), ...this.#timeout("wall") }); // late results are errors
    if (seen.cpuMs > cpuMs + CPU_TICK_MS) return this.fails(this.#cpuLimit());
    const over = done.result?.$case === "value" ? this.#ledger.result(done.result.value) : undefined;
    const broken = over ?? disbelief(done, this.#ledger);
    if (broken) return this.fails(broken);
    this.#end(finishedByWorker(done, seen, this.#ledger), error?.type);
  }

  /** A program that runs is stopped by its worker, which can tell where it was, if it is quick. */
  #overdue(late: Failure): void {
    if (!this.residence.isBusy) return this.fails(late);
    this.#grace = setTimeout(() => this.fails(late), GRACE_MS);
  }

  #end(finished: Finished, end: RunErrorType | undefined): void {
    void this.#close(end);
    this.#owner.finished(finished, end);
  }

  #close(end: RunErrorType | undefined): Promise<void> {
    this.#isOver = true;
    clearTimeout(this.#grace);
    this.#clock.stop();
    this.#journal.dispose();
    return this.residence.moveOut(end);
  }

  #seen(): Seen {
    const { cpuMs, peakResidentBytes } = this.residence.used();
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
