import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { ExecutorClient } from "../../client/src/index.ts";
import { Keep } from "../../executor/src/session/keep.ts";
import { type Fixture, startInProcess } from "../executor-fixture.ts";
import { Dice } from "./dice.ts";
import { randomProgram } from "./program.ts";
import { Site } from "./site.ts";
import { attempt, type AttemptOptions, clientOf, differences, type MakeRun, type Trial, unnumbered } from "./trial.ts";

/** Which programs. */
export interface Batch {
  /** Of the first program; the others have the seeds after it. */
  readonly seed: number;
  readonly programs: number;
  /** At a time. */
  readonly width: number;
}

/** What has happened to a batch. */
export interface Report {
  readonly failures: readonly string[];
  readonly tally: Readonly<Record<string, number>>;
}

type Disturbance = "cut" | "worker" | "kill" | "drain";
const DISTURBANCES: readonly Disturbance[] = ["cut", "cut", "cut", "worker", "worker", "worker", "kill", "drain"];

/** Runs random programs against two executors that are killed, drained and cut off at random moments. */
export async function chaos(batch: Batch, makeRun?: MakeRun): Promise<Report> {
  const done = new Done(batch);
  const tally = { cut: 0, worker: 0, kill: 0, drain: 0 };
  {
    const key = randomBytes(16).toString("hex");
    const env = { CODEMODE_EXECUTOR_DRAIN_TIMEOUT_MS: "150", CODEMODE_EXECUTOR_WORKERS: "2" };
    await using first = await Site.open(key, env);
    await using second = await Site.open(key, env);
    await using client = clientOf(`${first.url},${second.url}`, key);
    const over = new AbortController();
    let steps = 0;
    const disturbing = disturb([first, second], new Dice(batch.seed), over.signal, {
      steps: () => steps,
      tell: (what) => (tally[what] += 1),
    });
    await done.attempt(client, { make: makeRun, onCall: () => (steps += 1) });
    over.abort();
    await disturbing;
    for (const site of [first, second]) done.blame(await left(site, key));
  }
  return done.judge(tally);
}

/** Runs random programs on one worker that they take from each other, in an executor that keeps nearly nothing of them. */
export async function crowd(batch: Batch): Promise<Report> {
  const done = new Done(batch);
  await using executor = await startInProcess({}, new Keep({ answerBytes: 256 * 1024, answerBytesOfRun: 4096 }));
  await using client = clientOf(executor.executor.address, undefined);
  await done.attempt(client);
  done.blame(await leftInProcess(executor));
  return await done.judge({});
}

/** A batch that has been run, and what was wrong with it. */
class Done {
  readonly #batch: Batch;
  readonly #trials = new Map<number, Trial>();
  readonly #failures: string[] = [];

  constructor(batch: Batch) {
    this.#batch = batch;
  }

  async attempt(client: ExecutorClient, options?: AttemptOptions): Promise<void> {
    await eachOf(this.#batch, async (seed) => {
      try {
        this.#trials.set(seed, await attempt(randomProgram(seed), client, options));
      } catch (error) {
        this.#fail(seed, `the run threw: ${error instanceof Error ? error.stack : String(error)}`);
      }
    });
  }

  /** Takes what is wrong with the executors. */
  blame(problems: readonly string[]): void {
    const { seed, programs } = this.#batch;
    for (const problem of problems) this.#failures.push(`CHAOS_SEED=${seed} CHAOS_PROGRAMS=${programs}: ${problem}`);
  }

  /**
   * Runs each program again on an executor that is left in peace: from its own journal, and, where order does not
   * matter, from the start. It must come to the same end.
   */
  async judge(more: Record<string, number>): Promise<Report> {
    const { programs } = this.#batch;
    const tally = { programs, nested: 0, attempts: 0, calls: 0, recalls: 0, comparedUndisturbed: 0, ...more };
    await using peace = await startInProcess({ CODEMODE_EXECUTOR_WORKERS: "2" });
    await using client = clientOf(peace.executor.address, undefined);
    await eachOf({ ...this.#batch, width: 4 }, async (seed) => {
      const trial = this.#trials.get(seed);
      if (!trial) return;
      const { program, outcome, journal } = trial;
      const size = journal.size;
      const problems = [...trial.faults];
      for (const each of [trial, ...trial.nested]) {
        tally.attempts += each.outcome.attempts;
        tally.calls += each.journal.size;
        tally.recalls += each.recalls;
      }
      tally.nested += trial.nested.length;
      const replayed = await attempt(program, client, { journal });
      problems.push(...differences("replayed", outcome, replayed.outcome));
      if (replayed.world.reached.size > 0 || journal.size > size) problems.push("its replay has made calls");
      if (program.isOrderless) {
        tally.comparedUndisturbed += 1;
        const undisturbed = await attempt(program, client);
        problems.push(
          ...undisturbed.faults,
          ...differences("undisturbed", unnumbered(outcome), unnumbered(undisturbed.outcome)),
        );
      }
      if (problems.length > 0) this.#fail(seed, problems.join("\n"));
    });
    this.blame(await leftInProcess(peace));
    return { failures: this.#failures, tally };
  }

  #fail(seed: number, what: string): void {
    this.#failures.push(`CHAOS_SEED=${seed} CHAOS_PROGRAMS=1: ${what}\n${randomProgram(seed).code}`);
  }
}

/** Runs `body` for each seed, `width` at a time. */
async function eachOf({ seed, programs, width }: Batch, body: (seed: number) => Promise<void>): Promise<void> {
  let next = seed;
  const one = async () => {
    while (next < seed + programs) await body(next++);
  };
  await Promise.all(Array.from({ length: width }, one));
}

/**
 * Disturbs at random moments: some time after the last disturbance, and every other time not before some calls have
 * been made, so that the programs get on however slow the machine is.
 */
async function disturb(
  sites: readonly Site[],
  dice: Dice,
  signal: AbortSignal,
  { steps, tell }: { readonly steps: () => number; readonly tell: (what: Disturbance) => void },
): Promise<void> {
  const pending: Promise<void>[] = [];
  for (let turn = 0; !signal.aborted; turn++) {
    await sleep(20 + dice.below(400));
    const due = steps() + (turn % 2) * dice.below(700);
    while (steps() < due && !signal.aborted) await sleep(5);
    const site = dice.one(sites);
    const what = dice.one(DISTURBANCES);
    // One of them is always there, or runs would only use up their attempts.
    if ((what === "kill" || what === "drain") && !sites.every(({ isUp }) => isUp)) continue;
    tell(what);
    switch (what) {
      case "cut":
        site.cut();
        break;
      case "worker":
        site.killWorker(dice);
        break;
      case "kill":
        pending.push(site.kill());
        break;
      case "drain":
        pending.push(site.drain());
        break;
    }
  }
  await Promise.all(pending);
}

/** Runs that an executor has when there should be none. */
async function left(site: Site, key: string): Promise<string[]> {
  await using client = clientOf(site.url, key);
  const { inFlight, serving } = await client.health();
  return inFlight === 0 && serving ? [] : [`${inFlight} runs are left, serving: ${serving}`];
}

/** What an executor in this process still has when it should have nothing. */
async function leftInProcess({ executor, keep }: Fixture): Promise<string[]> {
  const { pool } = executor;
  const due = performance.now() + CLEAN_WITHIN_MS;
  // A client hears of the end before the worker is clean.
  while (pool.lent > 0 && performance.now() < due) await new Promise(setImmediate);
  const problems = [];
  if (pool.lent > 0) problems.push(`${pool.lent} workers are lent`);
  if (keep.bytes !== 0) problems.push(`${keep.bytes} bytes are kept`);
  return problems;
}

const CLEAN_WITHIN_MS = 5_000; // the executor's own bound is 200
