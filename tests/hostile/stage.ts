import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { Codemode, CodemodeError, ComponentRegistry, type Outcome, type RunBudgets } from "@codemode/client";
import { ChildExecutor, isAlive } from "../executor-fixture.ts";
import { usedBy } from "../processes.ts";
import type { End, HostileCase } from "./case.ts";

const BUDGETS: Partial<RunBudgets> = {
  timeoutMs: 600_000, // CPU time ends what does not end by itself; a busy machine takes any time for a second of it
  maxWaitMs: 120_000,
  cpuMs: 1_000,
  maxCalls: 100,
};
const TOOL_MS = 50; // what a tool of a neighbour takes: others are to have the workers meanwhile

/** What the executor's processes look like from outside. */
export interface Sight {
  readonly edgePid: number;
  readonly edgeBytes: number;
  /** Its children, dead ones that nobody has buried among them. */
  readonly workers: readonly number[];
}

/** An executor in a process of its own, and apps with the tools that the cases call. */
export class Stage implements AsyncDisposable {
  readonly #executor: ChildExecutor;
  readonly #apps = new AsyncDisposableStack();
  readonly #app: Codemode;
  readonly #size: number;

  private constructor(executor: ChildExecutor, size: number) {
    this.#executor = executor;
    this.#size = size;
    this.#app = this.#open();
  }

  static async start(workers: number): Promise<Stage> {
    const garbage = import.meta.resolve("../setup/collects-garbage.mjs");
    const env = { CODEMODE_EXECUTOR_WORKERS: `${workers}`, NODE_OPTIONS: `--import=${garbage}` };
    return new Stage(await ChildExecutor.start(env), workers);
  }

  /** Runs a case, and tells what is wrong with how it went; nothing when it went as it must. */
  async problems(id: string, { code, ends, check, times = 1, budgets, ...rest }: HostileCase): Promise<string[]> {
    const problems: string[] = [];
    for (let time = 0; time < times; time++) {
      const { end, outcome } = await this.#run(code, budgets);
      if (!ends.includes(end)) problems.push(`${id}: ${end} (${outcome?.error?.message}), not ${ends.join(" or ")}`);
      if (end === "ok" && "value" in rest && !isDeepStrictEqual(outcome?.value, rest.value)) {
        problems.push(`${id}: a wrong value, ${String(outcome?.toModelText())}`);
      }
      try {
        if (outcome) check?.(outcome);
      } catch (error) {
        problems.push(`${id}: ${String(error)}`);
      }
    }
    return problems;
  }

  /** Whether the pool still does what it is there for. */
  async answers(): Promise<boolean> {
    return (await this.#app.execute("return 6 * 7", { budgets: BUDGETS })).value === 42;
  }

  /** Runs well-behaved programs, `count` at a time, until it is disposed. That throws when one of them went wrong. */
  neighbours(count: number): AsyncDisposable & { readonly runs: number } {
    const wrong: unknown[] = [];
    let runs = 0;
    const over = new AbortController();
    const live = async (app: Codemode): Promise<void> => {
      for (let n = 0; !over.signal.aborted; n++) {
        const outcome = await app.execute(`return await tools.add({ a: ${n}, b: 1 })`, { budgets: BUDGETS });
        if (outcome.value !== n + 1) wrong.push(outcome.error ?? outcome.value);
        runs += 1;
      }
    };
    const lives = Array.from({ length: count }, () => live(this.#open()).catch((error: unknown) => wrong.push(error)));
    return {
      get runs() {
        return runs;
      },
      async [Symbol.asyncDispose]() {
        over.abort();
        await Promise.all(lives);
        if (wrong.length > 0) throw new AggregateError(wrong, `${wrong.length} of ${runs} neighbours went wrong`);
      },
    };
  }

  /** Has the edge collect its garbage and give the empty pages back, which it does in its own time. */
  tidy(): void {
    this.#executor.child.kill("SIGUSR2");
  }

  look(): Sight {
    const edgePid = this.#executor.child.pid ?? 0;
    const edgeBytes = usedBy(edgePid)?.residentBytes ?? Infinity;
    return { edgePid, edgeBytes, workers: this.#executor.workers };
  }

  /** Whether every worker is alive and none does anything: no dead one is left, and none burns time. */
  async isAtRest(): Promise<boolean> {
    const { workers } = this.look();
    const used = () => workers.map((pid) => usedBy(pid)?.cpuMs);
    const before = used();
    await sleep(200); // ten ticks of the kernel's clock, by which it counts
    return workers.length === this.#size && workers.every(isAlive) && isDeepStrictEqual(used(), before);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#apps.disposeAsync();
    await this.#executor[Symbol.asyncDispose]();
  }

  async #run(code: string, budgets: Partial<RunBudgets> = {}): Promise<{ end: End; outcome?: Outcome }> {
    try {
      const outcome = await this.#app.execute(code, { budgets: { ...BUDGETS, ...budgets } });
      return { end: outcome.error?.type ?? "ok", outcome };
    } catch (error) {
      if (CodemodeError.is(error) && error.code === "INVALID_ARGUMENT") return { end: "refused" };
      throw error;
    }
  }

  #open(): Codemode {
    const registry = new ComponentRegistry();
    for (const [name, execute] of Object.entries(tools)) registry.registerTool(name, { description: "", execute });
    const executor = { mode: "remote", url: this.#executor.address, apiKey: this.#executor.key } as const;
    return this.#apps.use(Codemode.fromClientConfig({ registry, config: { executor } }));
  }
}

/** What the cases call. */
const tools = {
  add: ({ a, b }: { a: number; b: number }) => sleep(TOOL_MS, a + b),
  big: ({ n }: { n: number }) => "x".repeat(n),
  echo: (input: unknown) => input,
  fail: () => {
    throw new Error("tool says no");
  },
  hang: () => new Promise(() => {}),
  slow: ({ ms }: { ms: number }) => sleep(ms, "slept"),
};
