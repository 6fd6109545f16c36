import { readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Codemode, MemoryStore } from "@codemode/client";
import { Dice } from "../chaos/dice.ts";
import { ChildExecutor, connect, Stream } from "../executor-fixture.ts";
import { send } from "../fuzz/fuzz.ts";
import { scriptOf } from "../fuzz/script.ts";
import { rawSocket } from "../raw-grpc.ts";
import { descriptorsOf, residentMibOf, workersBelow } from "../processes.ts";
import { attempt, randomKind, registry } from "./load.ts";

/** What is used at one moment. */
export interface Sample {
  readonly minute: number;
  readonly runs: number;
  /** Of the executor's edge process. */
  readonly residentMib: number;
  readonly descriptors: number;
  readonly threads: number;
  readonly workers: number;
  /** Of the app: this process. Exact, because it is collected first. */
  readonly appHeapMib: number;
  readonly appHandles: number;
}

export interface Report {
  readonly seed: number;
  readonly minutes: number;
  /** At rest before the load, each tenth of the time under load, and at rest after it. */
  readonly before: Sample;
  readonly during: readonly Sample[];
  readonly after: Sample;
  readonly tally: Readonly<Record<string, number>>;
  readonly failures: readonly string[];
}

const WIDTH = 8;
const WORKERS = 2;
const WARM_MS = 10_000;
const REST_MS = 6_000; // the edge gives a stream that nobody reads 5 s
const COLLECT_MS = 3_000; // done within one
/** At rest. In the edge the allocator has a part in it: 5 MiB were measured after a minute, 10 after three. */
export const MAX_GROWTH = { residentMib: 32, appHeapMib: 16, descriptors: 2, threads: 2, appHandles: 2 } as const;
/** In the edge under load, garbage included. */
export const MAX_GROWTH_LOADED_MIB = 64;
const KEY = "soak-key";

/** Runs a mixed load on one executor for so long, while workers are killed and clients misbehave. */
export async function soak(minutes: number, seed: number, tell: (sample: Sample) => void): Promise<Report> {
  const env = {
    CODEMODE_EXECUTOR_WORKERS: String(WORKERS),
    CODEMODE_EXECUTOR_LOG_LEVEL: "error",
    NODE_OPTIONS: `--import=${import.meta.resolve("../setup/collects-garbage.mjs")}`,
  };
  await using executor = await ChildExecutor.start(env, KEY);
  const remote = { mode: "remote", url: executor.address, apiKey: KEY } as const;
  const store = new MemoryStore({ maxFinished: 50 }); // so that it is full when the measuring begins
  await using codemode = Codemode.fromClientConfig({ registry: registry(), store, config: { executor: remote } });
  const tally = new Tally();

  const warming = AbortSignal.timeout(WARM_MS); // what is made once is to be there before it is measured
  await Promise.all([
    wellBehaved(codemode, seed - WIDTH, new Tally(), warming),
    misbehaved(executor, 0, tally, warming),
  ]);
  await rest(executor);
  const started = performance.now();
  const take = (): Sample => {
    const sample = sampleOf(executor, (performance.now() - started) / 60_000, tally.runs);
    tell(sample);
    return sample;
  };
  const before = take();
  const over = AbortSignal.timeout(minutes * 60_000);
  const loads = [
    wellBehaved(codemode, seed, tally, over),
    misbehaved(executor, seed, tally, over),
    killing(executor, new Dice(seed), tally, over),
  ];
  const during: Sample[] = [];
  for (let tenth = 1; tenth <= 9; tenth++) {
    await sleep((minutes * 60_000) / 10);
    during.push(take());
  }
  await Promise.all(loads);
  await rest(executor);
  const after = take();
  const failures = [...tally.failures, ...grown(before, during, after)];
  if (tally.runs === 0) failures.push("nothing has run");
  return { seed, minutes, before, during, after, tally: Object.fromEntries(tally.counts), failures };
}

/** What has been done, and what has ended wrong. */
class Tally {
  runs = 0;
  readonly counts = new Map<string, number>();
  readonly failures: string[] = [];

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }
}

/**
 * Waits until nothing goes on in the executor, and has it collect its garbage. V8 keeps that until it has a reason: 172 MiB were
 * measured after three minutes of load, 116 of them in use, and 242 a minute after four.
 */
async function rest({ child }: ChildExecutor): Promise<void> {
  await sleep(REST_MS);
  child.kill("SIGUSR2");
  await sleep(COLLECT_MS);
}

function sampleOf({ child: { pid = 0 } }: ChildExecutor, minute: number, runs: number): Sample {
  globalThis.gc?.();
  return {
    minute,
    runs,
    residentMib: residentMibOf(pid),
    descriptors: descriptorsOf(pid),
    threads: readdirSync(`/proc/${pid}/task`).length,
    workers: workersBelow(pid).length,
    appHeapMib: Math.round(process.memoryUsage().heapUsed / 1024 / 1024),
    appHandles: process.getActiveResourcesInfo().length,
  };
}

async function wellBehaved(codemode: Codemode, seed: number, tally: Tally, over: AbortSignal): Promise<void> {
  const one = async (dice: Dice): Promise<void> => {
    while (!over.aborted && tally.failures.length < 20) {
      const kind = randomKind(dice);
      const problem = await attempt(codemode, kind);
      tally.runs += 1;
      tally.count(kind.name);
      if (problem !== undefined) tally.failures.push(problem);
    }
  };
  await Promise.all(Array.from({ length: WIDTH }, (_, index) => one(new Dice(seed + index))));
}

/** Clients that vanish, and clients that speak nonsense. */
async function misbehaved({ address }: ChildExecutor, seed: number, tally: Tally, over: AbortSignal): Promise<void> {
  const client = connect(address);
  for (let turn = 0; !over.aborted; turn++) {
    await sleep(100);
    const stream = new Stream(client, KEY);
    stream.start("for (;;) await new Promise((done) => setTimeout(done, 10))", { tenant: `tenant-${turn % 3}` });
    await stream.next("accepted").catch((error: unknown) => tally.failures.push(`no Accepted: ${String(error)}`));
    await stream[Symbol.asyncDispose]();
    tally.count("(a client vanishes)");
    await send(scriptOf(seed + turn, KEY), rawSocket(address));
    tally.count("(a client sends nonsense)");
  }
  client.close();
}

/** Kills a worker every other second: no run is to notice. */
async function killing({ child }: ChildExecutor, dice: Dice, tally: Tally, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    await sleep(500 + dice.below(3_000));
    const workers = workersBelow(child.pid ?? 0);
    if (workers.length === 0) continue; // both are being replaced
    try {
      process.kill(dice.one(workers).pid, "SIGKILL");
      tally.count("(a worker is killed)");
    } catch {
      // It has just died by itself.
    }
  }
}

/** What has grown. Under load the second quarter is compared to the last, at rest the beginning to the end. */
function grown(before: Sample, during: readonly Sample[], after: Sample): string[] {
  const problems: string[] = [];
  const quarter = Math.floor(during.length / 4);
  const middle = during.slice(quarter, 2 * quarter + 1);
  const late = during.slice(-quarter - 1);
  const growth = median(late, "residentMib") - median(middle, "residentMib");
  if (growth > MAX_GROWTH_LOADED_MIB) problems.push(`the edge has grown by ${growth} MiB under load`);
  for (const what of ["residentMib", "appHeapMib", "descriptors", "threads", "appHandles"] as const) {
    const more = after[what] - before[what];
    if (more > MAX_GROWTH[what]) problems.push(`${what} at rest: ${before[what]} before, ${after[what]} after`);
  }
  if (after.workers !== WORKERS) problems.push(`${after.workers} workers are left, not ${WORKERS}`);
  return problems;
}

function median(samples: readonly Sample[], what: "residentMib"): number {
  const sorted = samples.map((sample) => sample[what]).toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
