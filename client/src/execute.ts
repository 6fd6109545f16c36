import { randomUUID } from "node:crypto";
import { CodemodeError } from "@codemode/proto";
import { customAlphabet } from "nanoid";
import { type ClientConfig, keys } from "./config/index.ts";
import type { Logger } from "./logger.ts";
import type { ComponentRegistry, ContextValues, RuntimeContext } from "./registry/index.ts";
import { ComponentSet } from "./registry/component-set.ts";
import type { Prepared } from "./durable/index.ts";
import { type CallRecord, ID, type LogLine, type RunBudgets, type RunRequest, toStart } from "./run/index.ts";

const tail = customAlphabet("0123456789abcdefghijklmnopqrstuvwxyz", 4); // enough beside a millisecond

/** How to run one program. */
export interface ExecuteOptions {
  /**
   * Wall-clock budget for the run, in milliseconds. It stands still while the program waits for tools and agents alone:
   * a slow tool is not the program's fault, and has `maxWaitMs` and `toolTimeoutMs`. One above the executor's ceiling
   * is refused, not silently cut.
   *
   * @defaultValue `run.timeoutMs` of the configuration, 30_000
   */
  readonly timeoutMs?: number;
  /** Names of the registered tools that this code may call. All of them when absent. */
  readonly tools?: readonly string[];
  /** Names of the registered agents that this code may call. All of them when absent. */
  readonly agents?: readonly string[];
  /**
   * Stops waiting: this call resolves as `Cancelled`. That is the end of the run as well, and is recorded as such, unless
   * somebody else waits for it: another call of `execute` with the same `executionId`, or another process that runs it.
   * Handlers of pending calls see the end of the run in their own signals.
   */
  readonly signal?: AbortSignal;
  /** Names the request that this run belongs to. 1 to 128 of `A-Z a-z 0-9 _ . : -`. `cm-…` when absent. */
  readonly correlationId?: string;
  /**
   * Names the run. 1 to 128 of `A-Z a-z 0-9 _ . : -`. A random one when absent.
   *
   * Executing the same under the same id again gives the same run: its recorded outcome when it has ended, its end when it
   * is live, here or in another process with the same store, and what is left of it when it was cut off. Another program,
   * context, set of tools or budgets under the same id is refused. A run that several calls of one process wait for has the
   * hooks and the secrets of the first of them, and is cancelled when all of them have aborted.
   */
  readonly executionId?: string;
  /** Budgets over those of the configuration, one by one. */
  readonly budgets?: Partial<RunBudgets>;
  /**
   * What becomes of a value, of output or of console lines over their budgets: `fail` ends the run as `OutputLimit`,
   * `truncate` cuts them and keeps their structure.
   *
   * @defaultValue a value and output fail, console lines are dropped and counted
   */
  readonly onOversize?: "fail" | "truncate";
  /**
   * `types` looks for calls that cannot succeed before the run begins: a tool called with an object literal that lacks a
   * member, has one that there is not, or a constant of another type. Then the outcome is a `ToolInputError` with its
   * place, and nothing was called. It speaks only of calls that the program is certain to come to and to fail by, of tools
   * whose input is a JSON Schema: what would run to its end is never refused. Needs the package `typescript`, and takes a
   * process of its own for some 50 ms.
   *
   * @defaultValue nothing is checked
   */
  readonly check?: "types";
  /** What the program is called in stacks and messages. */
  readonly fileName?: string;
  /** Values that the program sees as `config`, over those of `withConfig`. */
  readonly config?: ContextValues;
  /** Gets each line of the program's console as it comes. */
  readonly onLog?: (line: LogLine) => void;
  /** Told when a call starts, and when it settles. */
  readonly onCall?: (call: CallRecord) => void;
}

interface Surroundings {
  readonly registry: ComponentRegistry;
  readonly config: ClientConfig;
  readonly logger: Logger;
  readonly context: RuntimeContext;
  readonly values: ContextValues;
}

/** Makes the run that `execute` was asked for. Throws when an option cannot be used. */
export function prepare(code: string, options: ExecuteOptions, around: Surroundings): Prepared {
  const { registry, config, context, logger } = around;
  if (typeof code !== "string") throw refused("the code is no string");
  if (options.signal !== undefined && !(options.signal instanceof AbortSignal))
    throw refused("signal is no AbortSignal");
  if (![undefined, "fail", "truncate"].includes(options.onOversize)) {
    throw refused(`onOversize ${JSON.stringify(options.onOversize)} is neither "fail" nor "truncate"`);
  }
  if (options.check !== undefined && options.check !== "types") {
    throw refused(`check ${JSON.stringify(options.check)} is not "types"`);
  }
  const prefix = config.observability.correlationIdPrefix;
  const correlationId = options.correlationId ?? `${prefix}-${Date.now().toString(36)}-${tail()}`;
  const executionId = options.executionId ?? randomUUID();
  for (const [name, id] of Object.entries({ correlationId, executionId })) {
    if (!ID.test(id)) throw refused(`${name} ${JSON.stringify(id)} is not 1 to 128 of A-Z a-z 0-9 _ . : -`);
  }
  const guarded = <T>(hook: ((event: T) => void) | undefined) =>
    hook && ((event: T) => guard(() => hook(event), logger, correlationId));
  try {
    const request: RunRequest = {
      executionId,
      correlationId,
      code,
      fileName: options.fileName,
      components: chosen(registry, options),
      context,
      config: { ...around.values, ...options.config },
      budgets: budgetsOf(options, config),
      onOversize: options.onOversize,
      inContext: (body) => registry.runWithContext(context, body),
      onLog: guarded(options.onLog),
      onCall: guarded(options.onCall),
    };
    return { request, start: toStart(request) };
  } catch (error) {
    if (CodemodeError.is(error)) throw error;
    throw refused(error instanceof Error ? `context or config: ${error.message}` : String(error), error);
  }
}

function budgetsOf(options: ExecuteOptions, config: ClientConfig): RunBudgets {
  const timeoutMs = options.timeoutMs ?? options.budgets?.timeoutMs ?? config.run.timeoutMs;
  const given = Object.entries({ ...options.budgets, timeoutMs }).filter(([, value]) => value !== undefined);
  for (const [name, value] of given) {
    if (!keys.has(`run.${name}`)) throw refused(`there is no budget "${name}"`);
    const whole = name.startsWith("max") || name === "heapMib";
    if (value !== undefined && !(whole ? Number.isSafeInteger(value) : Number.isFinite(value))) {
      throw refused(`${name} ${String(value)} is no${whole ? " whole" : ""} number`);
    }
    if (value !== undefined && value < 0) throw refused(`${name} ${value} is less than nothing`);
  }
  if (timeoutMs === 0) throw refused("timeoutMs 0 leaves no time");
  return { ...config.run, ...Object.fromEntries(given), timeoutMs };
}

function chosen(registry: ComponentRegistry, { tools, agents }: ExecuteOptions): ComponentSet {
  for (const names of [tools, agents]) {
    if (names !== undefined && !Array.isArray(names)) throw refused("tools and agents are arrays of names");
  }
  return registry.choose(tools, agents);
}

/** A hook is there to watch. What it throws must not change the run. */
export function guard(body: () => void, logger: Logger, correlationId: string): void {
  try {
    body();
  } catch (error) {
    logger.error({ correlationId, error }, "A hook of execute() threw");
  }
}

function refused(why: string, cause?: unknown): CodemodeError {
  return new CodemodeError("INVALID_ARGUMENT", `Cannot run: ${why}`, cause === undefined ? {} : { cause });
}
