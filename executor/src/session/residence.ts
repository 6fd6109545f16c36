import { setTimeout as sleep } from "node:timers/promises";
import { type CallResult, MAX_TIMER_MS, RunErrorType } from "@codemode/proto/messages";
import { causeOf, type Death } from "../pool/death.ts";
import type { Lease } from "../pool/lease.ts";
import type { RunEnd, RunEvent, RunSink } from "../pool/run.ts";
import type { Excess, Used } from "../pool/watch.ts";
import { residentLimit, wireBudgets } from "./budgets.ts";
import { Deaths } from "./deaths.ts";
import type { Journal } from "./journal.ts";
import { dueInTime } from "./late.ts";
import { failure, type Failure } from "./outcome.ts";
import { Replay } from "./replay.ts";
import type { RunClock } from "./run-clock.ts";
import type { Program } from "./start.ts";

// Residence
// ==========================================================================
// Where the program of a run is: on one worker after another. It leaves its worker when others need it more, loses it
// when it dies, and comes back by running again from the start with the answers that it had.
//
//   Journal owns     the calls and answers: what another life of the program is made from.
//   Resident owns    what becomes of what the program says.
//
// D1  Answers reach the program in the order in which they came from the app, each when the one before has been dealt with.
// D2  A program that kills its worker does not do so without end.
// D3  What is done again is counted once: the clock stands still until the program comes to its last answer, and what a
//     worker that died did after that is given back.

/** Whose program it is. */
export interface Resident {
  /** A life begins: the program says everything from the start. */
  begins(): void;
  /** What the program says. Idle only when it really waits. */
  event(event: RunEvent): void;
  over(excess: Excess): void;
  /** There is no worker to go on with, or none would help. */
  fails(failure: Failure): void;
  /** The answers were let go: the app is to tell the journal. */
  wantsJournal(): void;
  lend(signal: AbortSignal): Promise<Lease>;
  /** Something broke that is not the program's doing. */
  broken(error: unknown): void;
}

type Place =
  | OnWorker
  /** Off its worker until an answer comes. */
  | { readonly kind: "parked" }
  /** In the line for a worker, or about to be. */
  | { readonly kind: "resuming"; readonly leave: AbortController }
  /** The app is asked for the journal. Only with a worker at hand: a journal is large, workers are few. */
  | { readonly kind: "recalling"; readonly lease: Lease; readonly due: NodeJS.Timeout }
  | { readonly kind: "over" };

interface OnWorker {
  readonly kind: "on a worker";
  readonly lease: Lease;
  /** While it does over again what was done before. */
  again: { readonly replay: Replay; readonly due: NodeJS.Timeout } | undefined;
}

const REPLAY_SLACK = { times: 2, ms: 2_000 } as const; // on a machine that is slower now than it was

/** See the head of this file. */
export class Residence implements RunSink {
  readonly #program: Program;
  readonly #journal: Journal;
  readonly #clock: RunClock;
  readonly #resident: Resident;
  readonly #deaths = new Deaths();
  #place: Place = { kind: "over" };
  #released: Promise<void> = Promise.resolve();
  #isHeld = false;
  /** What the clock showed when the program got its last answer, and when it began to wait after that. */
  #turn: { readonly from: number; readonly to?: number } = { from: 0 };
  /** By the last life that was looked at: each does all over again. */
  #used: Pick<Used, "cpuMs" | "peakResidentBytes"> = { cpuMs: 0, peakResidentBytes: 0 };

  constructor(program: Program, journal: Journal, clock: RunClock, resident: Resident) {
    this.#program = program;
    this.#journal = journal;
    this.#clock = clock;
    this.#resident = resident;
  }

  /** Takes `lease` and begins. Once. */
  moveIn(lease: Lease): void {
    const { answers } = this.#journal;
    if (!answers) return this.#recall(lease);
    const { run, budgets, components } = this.#program;
    const again = answers.length > 0 ? { replay: new Replay(answers, lease), due: this.#whenStuck() } : undefined;
    this.#place = { kind: "on a worker", lease, again };
    if (again) this.#clock.spend("held"); // D3
    else this.#goesOn();
    this.#resident.begins();
    const leftMs = Math.max(1, budgets.wallMs - this.#clock.wallMs);
    const life = { ...run, budgets: wireBudgets({ ...budgets, wallMs: leftMs }), replayedAnswers: answers.length };
    lease.begin(
      { run: life, manifest: components.encoded },
      { cpuMs: budgets.cpuMs, residentBytes: residentLimit(budgets) },
      this,
    );
    again?.replay.begin();
    if (this.#isHeld) lease.pause();
  }

  /** Gives the program an answer that the journal has taken. False when the worker's channel is full. */
  deliver(result: CallResult): boolean {
    const place = this.#place;
    switch (place.kind) {
      case "on a worker":
        if (place.again && !place.again.replay.isSent) return false; // it is the last of those
        this.#journal.trim(); // it is on its way to the worker; another life asks the app again
        if (!place.again) this.#goesOn();
        return place.lease.settle(result);
      case "parked":
        this.#queue();
        return true;
      case "resuming": // it is delivered with the others
        this.#journal.trim();
        return true;
      case "recalling": // it is in the journal that comes
      case "over":
        return true;
    }
  }

  /** True while the journal of the app is wanted. */
  get isRecalling(): boolean {
    return this.#place.kind === "recalling";
  }

  /** The journal is complete again. */
  recalled(): void {
    if (this.#place.kind !== "recalling") return;
    clearTimeout(this.#place.due);
    this.moveIn(this.#place.lease);
  }

  /** True while the program runs, as against waiting, on a worker or off it. */
  get isBusy(): boolean {
    return this.#place.kind === "on a worker" && !this.#place.lease.waiting;
  }

  /** How long the program has had its worker, in milliseconds. */
  get residentMs(): number {
    return this.#place.kind === "on a worker" ? this.#place.lease.residentMs : 0;
  }

  used(): Pick<Used, "cpuMs" | "peakResidentBytes"> {
    if (this.#place.kind === "on a worker") this.#used = this.#place.lease.used();
    return this.#used;
  }

  /** Calls `listener` when the worker's channel has room again. */
  onRoom(listener: () => void): void {
    if (this.#place.kind === "on a worker") this.#place.lease.onRoom(listener);
    else listener();
  }

  /** Leaves what the program says with its worker, until `unhold`. */
  hold(): void {
    this.#isHeld = true;
    if (this.#place.kind === "on a worker") this.#place.lease.pause();
  }

  unhold(): void {
    this.#isHeld = false;
    if (this.#place.kind !== "on a worker") return;
    this.#place.lease.resume();
    this.#place.lease.offer(); // somebody may have asked for the worker meanwhile, and was told no
  }

  /** Resolves when the program has no worker any more. */
  get released(): Promise<void> {
    return this.#released;
  }

  /** Gives the worker back for good. Resolves when the slot is free. */
  moveOut(end: RunEnd): Promise<void> {
    const place = this.#place;
    this.#place = { kind: "over" };
    switch (place.kind) {
      case "on a worker":
        clearTimeout(place.again?.due);
        this.#released = place.lease.release(end);
        break;
      case "recalling":
        clearTimeout(place.due);
        this.#released = place.lease.release(undefined);
        break;
      case "resuming":
        place.leave.abort();
        break;
      case "parked":
      case "over":
    }
    return this.#released;
  }

  get parkable(): boolean {
    return this.#place.kind === "on a worker" && !this.#isHeld && isGivenAll(this.#place) && this.#journal.isReplayable;
  }

  get answerBytes(): number {
    return this.#journal.bytes;
  }

  park(): void {
    if (this.#place.kind !== "on a worker") return;
    const { lease } = this.#place;
    this.#used = lease.used();
    this.#place = { kind: "parked" };
    this.#journal.trim();
    this.#released = lease.release(RunErrorType.RUN_ERROR_TYPE_CANCELLED);
  }

  event(event: RunEvent): void {
    const place = this.#place;
    if (place.kind !== "on a worker") return;
    if (event.$case === "idle") {
      if (place.again) this.#catchUp(place, place.again, event.value.entries);
      if (!place.lease.waiting || !isGivenAll(place)) return; // more answers are on their way to it
      this.#turn = { from: this.#turn.from, to: this.#clock.wallMs };
    }
    this.#resident.event(event);
  }

  over(excess: Excess): void {
    this.#resident.over(excess);
  }

  died(death: Death): void {
    this.#lost(causeOf(death));
  }

  #catchUp(place: OnWorker, { replay, due }: NonNullable<OnWorker["again"]>, entries: number): void {
    replay.returned(entries);
    if (!replay.isOver) return;
    clearTimeout(due);
    place.again = undefined;
    this.#journal.trim();
    this.#goesOn();
  }

  /** The program does what it has not done before. */
  #goesOn(): void {
    this.#clock.spend("wall");
    this.#turn = { from: this.#clock.wallMs };
  }

  /** The CPU limit stands against a life that never catches up, and this against a worker that does nothing at all. */
  #whenStuck(): NodeJS.Timeout {
    const longestMs = this.#program.budgets.wallMs * REPLAY_SLACK.times + REPLAY_SLACK.ms;
    return setTimeout(() => this.#lost(stuck), Math.min(longestMs, MAX_TIMER_MS));
  }

  /** The worker is of no use any more. Another one goes on, when that may help (D2). */
  #lost(cause: Failure): void {
    if (this.#place.kind !== "on a worker") return;
    const { lease, again } = this.#place;
    const isOurs = cause.type === RunErrorType.RUN_ERROR_TYPE_CRASHED;
    const backOffMs = isOurs ? this.#deaths.backOffMs(this.#journal.answered) : undefined;
    if (backOffMs === undefined) return this.#resident.fails(cause);
    if (!this.#journal.isReplayable) {
      const message = `${cause.message}, and the run has too many answers to run again here`;
      return this.#resident.fails({ ...cause, message });
    }
    clearTimeout(again?.due);
    this.#released = lease.release(RunErrorType.RUN_ERROR_TYPE_CRASHED);
    const { from, to = this.#clock.wallMs } = this.#turn;
    this.#queue(backOffMs);
    if (!again) this.#clock.giveBack(to - from); // D3
  }

  #recall(lease: Lease): void {
    const due = dueInTime(
      () => "journal",
      (late) => this.#resident.broken(late),
    );
    this.#place = { kind: "recalling", lease, due };
    queueMicrotask(() => this.isRecalling && this.#resident.wantsJournal()); // behind Accepted
  }

  #queue(afterMs = 0): void {
    const leave = new AbortController();
    this.#clock.spend("held");
    this.#place = { kind: "resuming", leave };
    void this.#comeBack(leave.signal, afterMs);
  }

  async #comeBack(signal: AbortSignal, afterMs: number): Promise<void> {
    try {
      if (afterMs > 0) await sleep(afterMs, undefined, { signal });
      const lease = await this.#resident.lend(signal);
      if (this.#place.kind === "resuming") this.moveIn(lease);
      else void lease.release(undefined);
    } catch (error) {
      if (this.#place.kind === "resuming") this.#resident.broken(error);
    }
  }
}

const stuck = failure(RunErrorType.RUN_ERROR_TYPE_CRASHED, "The worker process got stuck");

/** False while the worker has dealt with what there was room for, and more answers of an earlier life are to come. */
function isGivenAll({ again }: OnWorker): boolean {
  return again?.replay.isSent ?? true;
}
