import { setTimeout as sleep } from "node:timers/promises";
import type { CodemodeError } from "@codemode/proto";
import { Start } from "@codemode/proto/messages";
import { FencedError } from "../errors.ts";
import type { ExecutorClient } from "../executor-client/index.ts";
import type { Claim, JournalStore, RunRecord } from "../journal/index.ts";
import { checkSame } from "../journal/rules.ts";
import type { Logger } from "../logger.ts";
import { messageOf } from "../thrown.ts";
import { manifestOf, type Outcome, Run, type RunRequest, type RunStart, unrecorded } from "../run/index.ts";
import { Callers } from "./callers.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { Leases } from "./leases.ts";
import { decodeOutcome, encodeOutcome } from "./outcome-text.ts";
import { Patience } from "./patience.ts";
import { nameOf, toStopped, toUnclaimed, Unrecorded } from "./stopped.ts";

const POLL_MS = 250; // how late the end of a run elsewhere may be seen

/** A run, ready to begin. */
export interface Prepared {
  readonly request: RunRequest;
  /** Of a first attempt. */
  readonly start: RunStart;
}

export interface RunsOptions {
  readonly client: ExecutorClient;
  readonly store: JournalStore;
  /** How long the runs of this process are its own after its death, in milliseconds. */
  readonly leaseMs: number;
  /** Ends all runs for now. */
  readonly closing: AbortSignal;
  readonly logger: Logger;
}

// Runs
// ==========================================================================
// The runs of one client, by their ids: same id, same run.
//
//   Runs own       who may run what: claims, leases, what is recorded of an end.
//   A Run owns     one run while it is ours.
//   A store owns   what is known of it, for whoever comes after us.
//
// D1  A run is claimed before it begins, and its lease kept until it ends. Losing it ends the run here at once.
// D2  An outcome is recorded before the caller has it, if it is the run's own. What only cut it short (a lost executor, a
//     closed client, a call in doubt) is not: the lease is given back, and whoever executes the same again resumes it.
// D3  An id that runs here is joined; elsewhere, waited for. One that has ended is answered from the record.
// D4  A caller that aborts has its answer at once. The run is ended, and `Cancelled` recorded, when no caller of this
//     process is left.
// D5  A store that is busy is asked again, and one that hangs is given up: nobody waits for it without bound (Patience).

interface Live {
  readonly record: RunRecord;
  readonly outcome: Promise<Outcome>;
  readonly callers: Callers;
}

/** See the head of this file. */
export class Runs {
  readonly #options: RunsOptions;
  readonly #leases: Leases;
  readonly #live = new Map<string, Live>();
  /** What still has to come to its end before the client is closed. */
  readonly #working = new Set<Promise<unknown>>();

  constructor(options: RunsOptions) {
    this.#options = options;
    this.#leases = new Leases(options.store, options.leaseMs, options.logger);
    const { closing } = options;
    closing.addEventListener("abort", () => {
      for (const { callers } of this.#live.values()) callers.sendAway(closing.reason);
    });
  }

  /** Runs it, joins it, or tells how it ended (D3). */
  async execute(prepared: Prepared, signal: AbortSignal | undefined): Promise<Outcome> {
    const { request, start } = prepared;
    const { executionId } = request;
    const record: RunRecord = {
      executionId,
      fingerprint: fingerprintOf(request, start),
      start: Start.encode({ ...start, attempt: 1 }).finish(),
      ...(start.components?.$case === "manifestHash" && { manifest: manifestOf(request.components) }),
      createdAt: new Date(),
    };
    const known = this.#live.get(executionId);
    if (known) checkSame(known.record, record);
    const { callers, outcome } = known ?? this.#start(record, prepared);
    return (await callers.wait(outcome, signal)) ?? left(prepared, signal?.reason);
  }

  /** Runs a recorded run once more, for itself: it has no id here, and nothing of it is recorded. */
  rehearse(run: Run, signal: AbortSignal | undefined): Promise<Outcome> {
    const { client, closing } = this.#options;
    return this.#track(client.execute(run, AbortSignal.any([closing, ...(signal ? [signal] : [])])));
  }

  /** Resolves when nothing runs any more. */
  async ended(): Promise<void> {
    while (this.#working.size > 0) await Promise.allSettled(this.#working);
  }

  #start(record: RunRecord, prepared: Prepared): Live {
    const { executionId } = record;
    const { closing } = this.#options;
    const callers = new Callers();
    if (closing.aborted) callers.sendAway(closing.reason);
    const begun = this.#begin(record, prepared, callers);
    const outcome = this.#track(begun.finally(() => this.#live.delete(executionId)));
    const live = { record, outcome, callers };
    this.#live.set(executionId, live);
    return live;
  }

  async #begin(record: RunRecord, prepared: Prepared, callers: Callers): Promise<Outcome> {
    const { store, logger } = this.#options;
    const { owner, leaseMs } = this.#leases;
    const { executionId } = record;
    const { gone } = callers;
    using patience = new Patience(leaseMs, gone);
    for (;;) {
      const claim = await patience
        .wait(() => store.claim(record, owner, leaseMs))
        .catch((error: unknown) => {
          throw toUnclaimed(executionId, error);
        });
      switch (claim.kind) {
        case "owned":
          return await this.#own(claim, record, prepared, callers, patience);
        case "done":
          return decodeOutcome(claim.outcome);
        case "held": {
          logger.debug({ executionId, owner: claim.owner, until: claim.until }, "The run is live elsewhere, waiting");
          const waitMs = Math.min(POLL_MS, Math.max(1, claim.until.getTime() - Date.now()));
          await sleep(waitMs, undefined, { signal: gone }).catch(() => {});
          if (gone.aborted) return left(prepared, gone.reason);
        }
      }
    }
  }

  async #own(
    { fence, run: stored }: Claim & { kind: "owned" },
    record: RunRecord,
    prepared: Prepared,
    callers: Callers,
    patience: Patience,
  ): Promise<Outcome> {
    const { store, logger, closing } = this.#options;
    const { executionId } = record;
    const lost = Promise.withResolvers<never>();
    lost.promise.catch(() => {}); // also when nobody waits for the run
    let stopped: CodemodeError | undefined;
    const onFailure = (error: unknown) => {
      stopped ??= toStopped(executionId, error);
      lost.reject(stopped);
      callers.sendAway(stopped);
      patience.hurry();
    };
    const write = (what: () => string, step: () => Promise<void>) =>
      patience.wait(step).catch((error: unknown) => {
        throw error instanceof FencedError ? error : new Unrecorded(what(), error);
      });
    const isResumed = Buffer.compare(stored.record.start, record.start) !== 0;
    let run: Run | undefined;
    let isRecorded = false;
    try {
      using _ = this.#leases.keep({ executionId, fence, onLost: onFailure });
      run = new Run(prepared.request, {
        start: isResumed ? Start.decode(stored.record.start) : prepared.start,
        manifest: stored.record.manifest?.encoded,
        calls: stored.calls,
        attempts: stored.attempts,
        put: (row) =>
          write(
            () => nameOf(row),
            () => store.put(executionId, fence, row),
          ),
        countAttempts: (count) =>
          write(
            () => `attempt ${count}`,
            () => store.countAttempts(executionId, fence, count),
          ),
        onFailure,
      });
      if (isResumed) logger.info({ executionId, calls: stored.calls.length }, "Resuming the run");
      const outcome = run.inDoubt() ?? (await this.#run(run, callers.gone, lost.promise));
      const wasClosed =
        closing.aborted && callers.gone.reason === closing.reason && outcome.error?.type === "Cancelled";
      await run.recorded();
      if (run.isUnfinished || wasClosed) return outcome;
      const end = () => (outcome.error ? `its end (${outcome.error.type})` : "its end");
      await write(end, () => store.finish(executionId, fence, encodeOutcome(outcome)));
      isRecorded = true;
      return outcome;
    } catch (error) {
      if (stopped) throw stopped;
      throw error instanceof FencedError || error instanceof Unrecorded ? toStopped(executionId, error) : error;
    } finally {
      if (!isRecorded) {
        await run?.recorded().catch(() => {}); // what has settled is worth keeping for whoever resumes it
        await patience
          .wait(() => store.release(executionId, fence))
          .catch((error: unknown) => {
            logger.warn({ executionId, error }, "The lease of a run could not be given back; it runs out by itself");
          });
      }
    }
  }

  /** Rejects with `lost` as soon as the run is no longer ours, whatever its executor still does. */
  #run(run: Run, signal: AbortSignal, lost: Promise<never>): Promise<Outcome> {
    return Promise.race([this.#track(this.#options.client.execute(run, signal)), lost]);
  }

  #track<T>(work: Promise<T>): Promise<T> {
    this.#working.add(work);
    const forget = () => void this.#working.delete(work);
    work.then(forget, forget);
    return work;
  }
}

/** What a caller is told that does not wait for the end of its run. */
function left({ request, start }: Prepared, reason: unknown): Outcome {
  const message = `The app no longer waits for the run, which goes on: ${messageOf(reason)}`;
  return new Run(request, unrecorded(start)).end({ type: "Cancelled", message });
}
