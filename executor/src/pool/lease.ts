import { type CallResult, RunErrorType } from "@codemode/proto/messages";
import type { Return, RunEnd, RunSink, Task } from "./run.ts";
import type { Used, Watch, Watched, WatchLimits } from "./watch.ts";
import type { Event, WorkerProcess, WorkerSink } from "./worker-process.ts";

type State =
  | { readonly kind: "lent" }
  | { readonly kind: "running"; readonly sink: RunSink; readonly watched: Watched; readonly owed: number }
  | { readonly kind: "stopping"; readonly due: NodeJS.Timeout }
  | { readonly kind: "clean"; readonly ready: boolean }
  | { readonly kind: "dead" };

const ANSWER_BYTES_PER_MS = 10_000; // from the app to the program, on a machine that has other things to do
const CLEAN_WITHIN_MS = 200; // a native loop behind the result never reports clean (P4)

/** Who lends workers. */
export interface Lender {
  /** The worker comes back. Once. */
  back(how: Return): void;
  /** The run only waits now. */
  waits(): void;
}

/**
 * The right to run one program on one worker. Whoever holds it disposes it: the worker then goes back when it reports
 * clean in time, and is killed otherwise. Disposal resolves when the slot is free; it never throws.
 */
export class Lease implements AsyncDisposable, WorkerSink {
  readonly #worker: WorkerProcess;
  readonly #watch: Watch;
  readonly #lender: Lender;
  readonly #ended = Promise.withResolvers<void>();
  #state: State = { kind: "lent" };
  #end: { readonly type: RunEnd } | undefined;
  #watched: Watched | undefined;
  #begunAt = 0;

  constructor(worker: WorkerProcess, watch: Watch, lender: Lender) {
    this.#worker = worker;
    this.#watch = watch;
    this.#lender = lender;
    worker.sink = this;
  }

  get pid(): number {
    return this.#worker.pid;
  }

  /** Starts the program. Once. */
  begin({ run, manifest }: Task, limits: WatchLimits, sink: RunSink): void {
    if (this.#state.kind === "dead") {
      const { stderr, signal } = this.#worker; // died between being lent and now
      return queueMicrotask(() =>
        sink.died({ stderr, signal, lastResidentBytes: 0, residentLimitBytes: limits.residentBytes }),
      );
    }
    if (this.#state.kind !== "lent") throw new Error(`Cannot begin a run: the lease is ${this.#state.kind}`);
    const watched = this.#watch.start(this.#worker.gauge, limits, (excess) => sink.over(excess));
    this.#watched = watched;
    this.#begunAt = performance.now();
    this.#state = { kind: "running", sink, watched, owed: 1 };
    this.#worker.runs += 1;
    this.#worker.begin(run, manifest);
  }

  /** True from `begin` until the program has ended, or the worker is gone. */
  get running(): boolean {
    return this.#state.kind === "running";
  }

  /** Entries into the program that the worker has yet to come back from: its start, and each answer. */
  get owed(): number {
    return this.#state.kind === "running" ? this.#state.owed : 0;
  }

  /** True while the program waits for calls and uses no time. */
  get waiting(): boolean {
    return this.running && this.owed === 0;
  }

  /** True when the holder can give the worker up now and come back later. */
  get parkable(): boolean {
    return this.waiting && this.#state.kind === "running" && this.#state.sink.parkable;
  }

  /** About what coming back costs, in milliseconds: the run's CPU time over again, and its answers, which are sent again. */
  get returnMs(): number {
    const bytes = this.#state.kind === "running" ? this.#state.sink.answerBytes : 0;
    return this.used().cpuMs + bytes / ANSWER_BYTES_PER_MS;
  }

  /** True while its run is over and its worker is not back yet. */
  get isLeaving(): boolean {
    return this.#state.kind === "stopping" || (this.#state.kind === "clean" && this.#end !== undefined);
  }

  /** Lets the lender know once more that the run only waits, if it does. */
  offer(): void {
    if (this.waiting) this.#lender.waits();
  }

  /** How long the run has had this worker, in milliseconds. */
  get residentMs(): number {
    return performance.now() - this.#begunAt;
  }

  park(): void {
    if (this.#state.kind === "running") this.#state.sink.park();
  }

  /** Answers a call. False when the channel is full; `onRoom` tells when it is not. */
  settle(result: CallResult): boolean {
    if (this.#state.kind !== "running") return true;
    this.#state = { ...this.#state, owed: this.#state.owed + 1 };
    return this.#worker.send({ $case: "settle", value: result });
  }

  onRoom(listener: () => void): void {
    this.#worker.onDrain(listener);
  }

  /** Leaves what the worker writes in its channel, so that the program waits. */
  pause(): void {
    this.#worker.pause();
  }

  resume(): void {
    this.#worker.resume();
  }

  /** What the run has used up to now, as seen from outside. */
  used(): Used {
    return this.#watched?.used() ?? { cpuMs: 0, peakResidentBytes: 0, lastResidentBytes: 0 };
  }

  /** Gives the worker back after a run that ended as `end`. A run that is open is given up, by SIGKILL if it is busy. */
  release(end: RunEnd): Promise<void> {
    this.#end ??= { type: end };
    this.#worker.resume();
    const state = this.#state;
    switch (state.kind) {
      case "lent":
        this.#finish({ kind: "clean", ready: true, end: undefined, cpuMs: 0 });
        break;
      case "running":
        state.watched.stop();
        if (state.owed === 0 && end === RunErrorType.RUN_ERROR_TYPE_CANCELLED) {
          this.#worker.send({ $case: "abort", value: {} });
          this.#awaitClean();
        } else {
          this.#spend();
        }
        break;
      case "clean":
        this.#returnClean(state.ready);
        break;
      case "stopping":
      case "dead":
        break;
    }
    return this.#ended.promise;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release(RunErrorType.RUN_ERROR_TYPE_CRASHED);
  }

  /** For the worker. */
  event(event: Event): void {
    const state = this.#state;
    switch (state.kind) {
      case "running":
        return this.#runEvent(state, event);
      case "stopping":
        if (event.$case === "clean") this.#cleaned(state.due);
        else if (event.$case === "done") this.#spend(); // only one end: a second is no worker of ours
        return; // what an aborted run still said
      case "clean":
        if (event.$case !== "ready" || state.ready) return this.#spend();
        this.#state = { kind: "clean", ready: true };
        return;
      case "lent":
        return this.#spend();
      case "dead":
        return;
    }
  }

  /** For the worker. */
  died(): void {
    const state = this.#state;
    if (state.kind === "dead") return;
    const lastResidentBytes = this.#watched?.used().lastResidentBytes ?? 0;
    this.#spend();
    if (state.kind !== "running" || this.#end) return;
    const { stderr, signal } = this.#worker;
    const residentLimitBytes = state.watched.limits.residentBytes;
    state.sink.died({ stderr, signal, lastResidentBytes, residentLimitBytes });
  }

  #runEvent(state: State & { kind: "running" }, event: Event): void {
    switch (event.$case) {
      case "ready":
      case "clean":
        return this.#misspoke(state);
      case "done":
        state.watched.used();
        state.watched.stop();
        this.#awaitClean();
        break;
      case "idle":
        if (event.value.entries < 1 || event.value.entries > state.owed) return this.#misspoke(state);
        this.#state = { ...state, owed: state.owed - event.value.entries };
        break;
      case "log":
      case "output":
      case "call":
      case "callCancelled":
        if (state.owed === 0) return this.#misspoke(state); // a program that waits says nothing
        break;
    }
    state.sink.event(event);
    if (event.$case === "idle" && this.waiting) this.#lender.waits();
  }

  /** Spoke out of turn (P3). */
  #misspoke({ sink }: State & { kind: "running" }): void {
    this.#spend();
    sink.died({ stderr: "", signal: null, lastResidentBytes: 0, residentLimitBytes: 1 });
  }

  #awaitClean(): void {
    this.#state = { kind: "stopping", due: setTimeout(() => this.#spend(), CLEAN_WITHIN_MS) };
  }

  #cleaned(due: NodeJS.Timeout): void {
    clearTimeout(due);
    this.#state = { kind: "clean", ready: false };
    if (this.#end) this.#returnClean(false);
  }

  #returnClean(ready: boolean): void {
    this.#finish({ kind: "clean", ready, end: this.#end?.type, cpuMs: this.#watched?.totalCpuMs ?? 0 });
  }

  #spend(): void {
    const state = this.#state;
    if (state.kind === "stopping") clearTimeout(state.due);
    if (state.kind === "running") state.watched.stop();
    this.#worker.kill();
    void this.#worker.exited.then(() => this.#ended.resolve());
    this.#finish({ kind: "spent" });
  }

  #finish(how: Return): void {
    if (this.#state.kind === "dead") return;
    this.#state = { kind: "dead" };
    if (how.kind === "clean") this.#ended.resolve();
    this.#lender.back(how);
  }
}
