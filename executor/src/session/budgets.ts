import { type Budgets, toDuration, toMs } from "@codemode/proto/messages";
import { Refusal } from "./refusal.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** Budgets in plain numbers, every one set. */
export interface RunBudgets {
  readonly wallMs: number;
  /** In which the program waits for tools and agents alone. */
  readonly waitMs: number;
  readonly cpuMs: number;
  readonly heapBytes: number;
  readonly calls: number;
  readonly callsInFlight: number;
  readonly codeBytes: number;
  readonly argumentBytes: number;
  readonly answerBytes: number;
  readonly resultBytes: number;
  readonly logBytes: number;
  readonly logLines: number;
  /** Kept by the app; echoed. */
  readonly cost: number | undefined;
}

/** Used for what a Start leaves out. */
export const DEFAULT_BUDGETS: RunBudgets = {
  wallMs: 30_000,
  waitMs: 300_000,
  cpuMs: 5_000,
  heapBytes: 64 * MIB,
  calls: 1_000,
  callsInFlight: 64,
  codeBytes: 256 * KIB,
  argumentBytes: 256 * KIB,
  answerBytes: MIB,
  resultBytes: MIB,
  logBytes: 64 * KIB,
  logLines: 1_000,
  cost: undefined,
};

/** No Start may ask for more. Payloads fit into one gRPC message of 4 MiB with what surrounds them. */
export const MAX_BUDGETS: RunBudgets = {
  wallMs: 600_000,
  waitMs: 86_400_000, // people are awaited too
  cpuMs: 60_000,
  heapBytes: 256 * MIB,
  calls: 100_000,
  callsInFlight: 1_024,
  codeBytes: MIB,
  argumentBytes: MIB,
  answerBytes: 3 * MIB,
  resultBytes: 3 * MIB,
  logBytes: MIB,
  logLines: 10_000,
  cost: undefined,
};

/** Ceilings of one caller: where they are set and below those of the executor, they count. */
export type BudgetCeilings = { readonly [Budget in Exclude<keyof RunBudgets, "cost">]?: number | undefined };

/** What a caller may ask for. */
export function maxBudgets(ceilings: BudgetCeilings): RunBudgets {
  return lowered(MAX_BUDGETS, ceilings);
}

/** What a caller gets that asks for nothing. */
export function defaultBudgets(ceilings: BudgetCeilings): RunBudgets {
  return lowered(DEFAULT_BUDGETS, ceilings);
}

function lowered(budgets: RunBudgets, ceilings: BudgetCeilings): RunBudgets {
  const low = { ...budgets };
  for (const key of Object.keys(ceilings) as (keyof BudgetCeilings)[])
    low[key] = Math.min(low[key], ceilings[key] ?? Infinity);
  return low;
}

/** isolated-vm makes no smaller isolate. */
export const MIN_HEAP_BYTES = 8 * MIB;
const INPUTS_PER_HEAP = 4; // a text that is parsed is there several times over
const ONE_MS = 1;
const ONE_CALL = 1; // none at a time would be a wait for ever

/** What `asked` says, and the defaults for the rest. Throws a Refusal that names the field which is out of range. */
export function mergeBudgets(asked: Budgets | undefined, ceilings: BudgetCeilings): RunBudgets {
  const [defaults, most] = [defaultBudgets(ceilings), maxBudgets(ceilings)];
  const pick = (key: Exclude<keyof RunBudgets, "cost">, name: string, value: number | undefined, least = 0): number => {
    if (value === undefined) return defaults[key];
    if (value >= least && value <= most[key]) return value;
    throw new Refusal(`start.budgets.${name}`, `${value} is not between ${least} and ${most[key]}`);
  };
  const checked = (budgets: RunBudgets): RunBudgets => {
    const least = INPUTS_PER_HEAP * Math.max(budgets.answerBytes, budgets.codeBytes);
    if (budgets.heapBytes >= least) return budgets;
    const problem = `${budgets.heapBytes} is not ${INPUTS_PER_HEAP} times the largest answer or program`;
    throw new Refusal("start.budgets.heap_bytes", problem);
  };
  const of = (value: bigint | undefined): number | undefined => (value === undefined ? undefined : Number(value));
  return checked({
    wallMs: pick("wallMs", "wall_time", asked?.wallTime && toMs(asked.wallTime), ONE_MS),
    waitMs: pick("waitMs", "wait_time", asked?.waitTime && toMs(asked.waitTime), ONE_MS),
    cpuMs: pick("cpuMs", "cpu_time", asked?.cpuTime && toMs(asked.cpuTime), ONE_MS),
    heapBytes: pick("heapBytes", "heap_bytes", of(asked?.heapBytes), MIN_HEAP_BYTES),
    calls: pick("calls", "calls", asked?.calls),
    callsInFlight: pick("callsInFlight", "calls_in_flight", asked?.callsInFlight, ONE_CALL),
    codeBytes: pick("codeBytes", "code_bytes", of(asked?.codeBytes)),
    argumentBytes: pick("argumentBytes", "argument_bytes", of(asked?.argumentBytes)),
    answerBytes: pick("answerBytes", "answer_bytes", of(asked?.answerBytes)),
    resultBytes: pick("resultBytes", "result_bytes", of(asked?.resultBytes)),
    logBytes: pick("logBytes", "log_bytes", of(asked?.logBytes)),
    logLines: pick("logLines", "log_lines", asked?.logLines),
    cost: asked?.cost,
  });
}

/** As they go over the wire. */
export function wireBudgets(budgets: RunBudgets): Budgets {
  return {
    wallTime: toDuration(budgets.wallMs),
    waitTime: toDuration(budgets.waitMs),
    cpuTime: toDuration(budgets.cpuMs),
    heapBytes: BigInt(budgets.heapBytes),
    calls: budgets.calls,
    callsInFlight: budgets.callsInFlight,
    codeBytes: BigInt(budgets.codeBytes),
    argumentBytes: BigInt(budgets.argumentBytes),
    answerBytes: BigInt(budgets.answerBytes),
    resultBytes: BigInt(budgets.resultBytes),
    logBytes: BigInt(budgets.logBytes),
    logLines: budgets.logLines,
    cost: budgets.cost,
  };
}

const RESIDENT_BYTES = 450 * MIB; // with the default heap: twice what a full isolate takes in practice

/** Resident memory that the worker of a run may take: what no isolate limit counts is caught by this. */
export function residentLimit(budgets: RunBudgets): number {
  return RESIDENT_BYTES + Math.max(0, budgets.heapBytes - DEFAULT_BUDGETS.heapBytes);
}
