import { isDeepStrictEqual } from "node:util";
import {
  ExecutorClient,
  type Outcome,
  remoteSource,
  Run,
  type RunRequest,
  RuntimeContext,
} from "../../client/src/index.ts";
import { Journal } from "../../client/src/run/journal.ts";
import { nestedProgram, type RandomProgram } from "./program.ts";
import { World } from "./world.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** A client that tries again soon, and often enough for a run that is disturbed all the time. */
export function clientOf(url: string, key: string | undefined): ExecutorClient {
  const retry = { enabled: true, maxAttempts: 60, baseMs: 5, maxMs: 150, maxElapsedMs: 600_000 };
  const source = remoteSource(url.split(","), key);
  return new ExecutorClient({ source, tls: {}, retry, connectTimeoutMs: 5_000, logger: silent });
}

/** One run of a random program, and what its app has seen of it. */
export interface Trial {
  readonly program: RandomProgram;
  readonly outcome: Outcome;
  readonly journal: Journal;
  readonly world: World;
  /** Console lines as they came. */
  readonly lines: readonly string[];
  /** Journals that its executors have asked for. */
  readonly recalls: number;
  /** Broken promises that were seen when the run ended, and in the runs that its handlers made. */
  readonly faults: readonly string[];
  /** Runs that its handlers made, and theirs. */
  readonly nested: readonly Trial[];
}

/** Makes the run of a request; a test may make one that is not as it should be. */
export type MakeRun = (request: RunRequest, journal: Journal) => Run;

export interface AttemptOptions {
  /** Goes on from it. */
  readonly journal?: Journal;
  readonly make?: MakeRun | undefined;
  /** What handlers take their time with. */
  readonly delay?: (() => Promise<unknown>) | undefined;
  /** Told of each call that starts or settles. */
  readonly onCall?: (() => void) | undefined;
  /** Ends it. */
  readonly signal?: AbortSignal;
}

/** Runs `program` to its end. Each run of a program has the same origin. */
export async function attempt(
  program: RandomProgram,
  client: ExecutorClient,
  {
    journal = new Journal(),
    make = (request, given) => new Run(request, undefined, given),
    delay,
    onCall,
    signal,
  }: AttemptOptions = {},
): Promise<Trial> {
  const inside: Promise<Trial>[] = [];
  const nest = async (seed: number, levels: number, outer: AbortSignal) => {
    const trial = attempt(nestedProgram(seed, levels), client, { make, delay, onCall, signal: outer });
    inside.push(trial);
    const { error, value } = (await trial).outcome;
    return [error && [error.type, error.message], value];
  };
  const world = new World(nest, delay);
  const { registry } = world;
  const lines: string[] = [];
  const seed = Buffer.alloc(16);
  seed.writeUInt32BE(program.seed >>> 0, 4);
  let recalls = 0;
  const run = make(
    {
      executionId: `chaos-${program.seed}`,
      correlationId: "chaos",
      code: program.code,
      fileName: undefined,
      components: registry.components,
      context: new RuntimeContext(),
      config: {},
      budgets: { timeoutMs: 120_000, maxCalls: 20_000, cpuMs: 60_000 },
      inContext: (body) => body(),
      onCall,
      onLog: ({ text }) => lines.push(text),
      origin: { seed, clock: new Date(1_700_000_000_000 + program.seed) },
    },
    journal,
  );
  const connect = run.connect.bind(run);
  run.connect = (say) =>
    connect((event, onSent) => {
      if (event.$case === "journal" && !event.value.more) recalls += 1;
      say(event, onSent);
    });
  const outcome = await client.execute(
    run,
    AbortSignal.any([AbortSignal.timeout(STUCK_MS), ...(signal ? [signal] : [])]),
  );
  const faults = [...faultsOf(world, journal, outcome, lines, signal?.aborted)];
  const own = await Promise.all(inside); // those that the end of this one has cut short among them
  faults.push(...own.flatMap((trial) => trial.faults.map((fault) => `in ${trial.outcome.executionId}: ${fault}`)));
  const nested = own.flatMap((trial) => [trial, ...trial.nested]);
  return { program, outcome, journal, world, lines, recalls, faults, nested };
}

/** Broken promises of one run that has just ended. */
function* faultsOf(
  world: World,
  journal: Journal,
  outcome: Outcome,
  lines: readonly string[],
  isUnwanted = false,
): Iterable<string> {
  for (const { idempotencyKey, signal } of world.running) {
    if (!signal.aborted) yield `the handler of ${idempotencyKey} still runs, and was not told to stop`;
  }
  if (outcome.error?.type === "Cancelled" && !isUnwanted) yield `it came to no end: ${stateOf(journal, outcome)}`;
  if (journal.pending > 0) yield `${journal.pending} calls are open`;
  const keys = new Set<string>();
  for (const { seq, kind, state, handled } of journal.entries()) {
    if (kind === "timer" || kind === "next") continue;
    const key = `${outcome.executionId}:${seq}`;
    keys.add(key);
    const reached = world.reached.get(key) ?? 0;
    const due = handled || state !== "cancelled" ? 1 : 0;
    if (reached !== due) yield `${key} (${state}) reached its handler ${reached} times`;
  }
  for (const key of world.reached.keys()) if (!keys.has(key)) yield `${key} is of no call`;
  const shown = outcome.logs.map(({ text }) => text);
  if (!isDeepStrictEqual(shown, lines)) yield `the console was told as ${lines.length} lines, and is ${shown.length}`;
}

function stateOf(journal: Journal, { attempts, interruptions }: Outcome): string {
  const last = journal.entries().slice(-5);
  return `${attempts} attempts, ${journal.size} calls, ${journal.settled} settled; ${brief([last, interruptions.slice(-3)])}`;
}

const STUCK_MS = 120_000; // a loop of thousands of calls that is begun again every second takes its time

export type Shown = Pick<Outcome, "error" | "value" | "logs" | "outputs">;

/** Without the number of the call that failed: how often a program asks for the items of a stream depends on the time. */
export function unnumbered({ error, value, logs, outputs }: Outcome): Shown {
  if (!error) return { error, value, logs, outputs };
  const { seq: _, ...others } = error;
  return { error: others, value, logs, outputs };
}

/** How two outcomes differ in what the program has computed and shown. */
export function* differences(what: string, one: Shown, other: Shown): Iterable<string> {
  const parts = ["error", "value", "logs", "outputs"] as const;
  for (const part of parts) {
    if (isDeepStrictEqual(one[part], other[part])) continue;
    yield `${what}: ${part} is ${brief(one[part])}, and ${brief(other[part])}`;
  }
}

function brief(value: unknown): string {
  return JSON.stringify([value]).slice(1, 600);
}
