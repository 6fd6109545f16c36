import { type CallResult, type Finished, RunErrorType } from "@codemode/proto/messages";
import type { Done } from "@codemode/proto/worker";
import { causeOf, type Death } from "../pool/death.ts";
import type { Lease } from "../pool/lease.ts";
import type { RunEvent, RunSink } from "../pool/run.ts";
import type { Excess } from "../pool/watch.ts";
import { residentLimit } from "./budgets.ts";
import { Ledger } from "./ledger.ts";
import { disbelief, failure, type Failure, finishedByEdge, finishedByWorker, placeOf, type Seen } from "./outcome.ts";
import type { Program } from "./start.ts";
import type { Outgoing } from "./stream.ts";

/** What a run needs of its session. */
export interface RunOwner {
  send(event: Outgoing): void;
  /** Once, and last. */
  finished(finished: Finished, end: RunErrorType | undefined): void;
}

const CPU_TICK_MS = 10; // /proc counts in these
const GRACE_MS = 100; // for a worker to tell where its program was
const CLOCK_SLACK_MS = 20; // between our clock and the worker's

/** A program on a leased worker, from Accepted to its end. Takes `lease`. */
export class ActiveRun implements RunSink {
  readonly #program: Program;
  readonly #lease: Lease;
  readonly #owner: RunOwner;
  readonly #ledger: Ledger;
  readonly #startedAt = performance.now();
  #deadline: NodeJS.Timeout;
  #open = true;

  constructor(program: Program, lease: Lease, owner: RunOwner) {
    this.#program = program;
    this.#lease = lease;
    this.#owner = owner;
    this.#ledger = new Ledger(program);
    this.#deadline = setTimeout(() => this.#overdue(), program.budgets.wallMs);
    const { cpuMs } = program.budgets;
    lease.begin(program.run, { cpuMs, residentBytes: residentLimit(program.budgets) }, this);
  }

  /** Passes an answer on. False when the worker's channel is full. Throws a Refusal when nothing asked for it. */
  answer(result: CallResult): boolean {
    return this.#ledger.answer(result) ? this.#lease.settle(result) : true;
  }

  /** Ends the run for the app. */
  cancel(reason: string): void {
    this.#fail(failure(RunErrorType.RUN_ERROR_TYPE_CANCELLED, reason));
  }

  /** Ends the run with nobody to tell. Resolves when the slot is free. */
  abandon(): Promise<void> {
    this.#close();
    return this.#lease.release(RunErrorType.RUN_ERROR_TYPE_CANCELLED);
  }

  event(event: RunEvent): void {
    if (!this.#open) return;
    switch (event.$case) {
      case "log": {
        const verdict = this.#ledger.log(event.value);
        if (verdict === "send") this.#owner.send(event);
        else if (verdict !== "drop") this.#fail(verdict);
        return;
      }
      case "output": {
        const over = this.#ledger.output(event.value);
        if (over) this.#fail(over);
        else this.#owner.send(event);
        return;
      }
      case "call": {
        const over = this.#ledger.call(event.value);
        if (over) this.#fail(over);
        else this.#owner.send(event);
        return;
      }
      case "callCancelled": {
        const tell = this.#ledger.cancelled(event.value.seq);
        if (tell === true) this.#owner.send(event);
        else if (tell !== false) this.#fail(tell);
        return;
      }
      case "idle": {
        const awaited = this.#ledger.awaited(event.value.awaited);
        if (awaited.length > 0) this.#owner.send({ $case: "idle", value: { awaited } });
        return;
      }
      case "done":
        return this.#done(event.value);
    }
  }

  over(excess: Excess): void {
    this.#fail(excess === "cpu" ? this.#cpuLimit() : memoryLimit);
  }

  died(death: Death): void {
    this.#fail(causeOf(death));
  }

  #done(done: Done): void {
    const seen = this.#seen();
    const { wallMs, cpuMs } = this.#program.budgets;
    const error = done.result?.$case === "error" ? done.result.value : undefined;
    const slack = error?.type === RunErrorType.RUN_ERROR_TYPE_TIMEOUT ? CLOCK_SLACK_MS : 0;
    if (seen.wallMs > wallMs - slack) return this.#fail({ ...placeOf(error), ...this.#timeout() }); // late results are errors
    if (seen.cpuMs > cpuMs + CPU_TICK_MS) return this.#fail(this.#cpuLimit());
    const over = done.result?.$case === "value" ? this.#ledger.result(done.result.value) : undefined;
    const broken = over ?? disbelief(done, this.#ledger);
    if (broken) return this.#fail(broken);
    this.#end(
      finishedByWorker(done, seen, this.#ledger),
      done.result?.$case === "error" ? done.result.value.type : undefined,
    );
  }

  /** A program that runs is stopped by its worker, which can tell where it was, if it is quick. */
  #overdue(): void {
    if (this.#lease.waiting) return this.#fail(this.#timeout());
    this.#deadline = setTimeout(() => this.#fail(this.#timeout()), GRACE_MS);
  }

  #fail(failed: Failure): void {
    this.#end(finishedByEdge(failed, this.#seen(), this.#ledger), failed.type);
  }

  #end(finished: Finished, end: RunErrorType | undefined): void {
    if (!this.#open) return;
    this.#close();
    this.#owner.finished(finished, end);
  }

  #close(): void {
    this.#open = false;
    clearTimeout(this.#deadline);
  }

  #seen(): Seen {
    const { cpuMs, peakResidentBytes } = this.#lease.used();
    return { wallMs: performance.now() - this.#startedAt, waitMs: 0, cpuMs, peakResidentBytes };
  }

  #timeout(): Failure {
    return failure(RunErrorType.RUN_ERROR_TYPE_TIMEOUT, `Ran for more than ${this.#program.budgets.wallMs} ms`);
  }

  #cpuLimit(): Failure {
    const message = `Used more than ${this.#program.budgets.cpuMs} ms of CPU time`;
    return failure(RunErrorType.RUN_ERROR_TYPE_CPU_LIMIT, message);
  }
}

const memoryLimit = failure(RunErrorType.RUN_ERROR_TYPE_MEMORY_LIMIT, "Used more memory than a run may have");
