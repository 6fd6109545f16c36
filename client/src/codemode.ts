import { checkTypes } from "./check/index.ts";
import { type ClientConfigInput, loadClientConfig } from "./config/index.ts";
import type { ExecutorHealth } from "./executor-client/index.ts";
import { CodemodeError } from "@codemode/proto";
import { type JournalDocument, type Settlement, settleCall, toDocument, toReplay } from "./durable/index.ts";
import { type ExecuteOptions, guard, prepare } from "./execute.ts";
import type { Logger } from "./logger.ts";
import {
  describe,
  type DescribeOptions,
  type FoundComponent,
  type ModelDescription,
  search,
  type SearchOptions,
} from "./prompt/index.ts";
import { ComponentRegistry, type ContextValues, RuntimeContext, type RuntimeContextOptions } from "./registry/index.ts";
import { type CloseOptions, type RecordingOptions, Resources } from "./resources.ts";
import { type LogLine, notRun, type Outcome } from "./run/index.ts";
import { inExecuteSpan } from "./telemetry.ts";

export type { JournalDocument };

/** How to run a recorded run once more. */
export interface ReplayOptions {
  /** Ends the run as `Cancelled`. */
  readonly signal?: AbortSignal;
  /** Gets each line of the program's console as it comes. */
  readonly onLog?: (line: LogLine) => void;
}

/** What a {@link Codemode} is made of. */
export interface CodemodeOptions extends RecordingOptions {
  /** The tools and agents that programs may call. None when absent. */
  readonly registry?: ComponentRegistry | undefined;
  /** The keys of codemode-client.yaml. They win over the file, key by key. */
  readonly config?: ClientConfigInput | undefined;
  /** A file instead of the one that is found upward from the working directory. */
  readonly configPath?: string | undefined;
  /** Hears what the client does, from `observability.logLevel` on. Nothing is written when absent. */
  readonly logger?: Logger | undefined;
}

/**
 * Runs the code that a model writes, next to your app, with your app's own functions as tools.
 *
 * Dispose of it, or `close()` it: that ends the runs under way and the executor that it has started. The views that
 * `withContext`, `withConfig` and `withRegistry` return share all of this.
 */
export class Codemode implements AsyncDisposable {
  readonly #resources: Resources;
  readonly #registry: ComponentRegistry;
  readonly #context: RuntimeContext;
  readonly #values: ContextValues;

  private constructor(
    resources: Resources,
    registry: ComponentRegistry,
    context: RuntimeContext,
    values: ContextValues,
  ) {
    this.#resources = resources;
    this.#registry = registry;
    this.#context = context;
    this.#values = values;
  }

  /**
   * Reads `config`, codemode-client.yaml and `CODEMODE_*`, in this order of weight. Starts nothing yet.
   *
   * @throws {@link ConfigError} when they cannot be used.
   */
  static fromClientConfig(options: CodemodeOptions = {}): Codemode {
    const { registry = new ComponentRegistry(), config, configPath, logger, store, leaseMs } = options;
    const loaded = loadClientConfig({ config, configPath });
    const resources = new Resources(loaded, logger, { store, leaseMs });
    return new Codemode(resources, registry, new RuntimeContext(), {});
  }

  /** As `fromClientConfig`, from `CODEMODE_*` and, where there is one, codemode-client.yaml. */
  static fromEnv(options: Omit<CodemodeOptions, "config" | "configPath"> = {}): Codemode {
    const { registry, logger, store, leaseMs } = options;
    return Codemode.fromClientConfig({ registry, logger, store, leaseMs });
  }

  /** This client on behalf of somebody: a context over the registry's own. Another call adds to it. */
  withContext(context: ContextValues | RuntimeContext, options?: RuntimeContextOptions): Codemode {
    const added = context instanceof RuntimeContext ? context.with({}, options) : new RuntimeContext(context, options);
    return new Codemode(this.#resources, this.#registry, this.#context.merge(added), this.#values);
  }

  /** This client with values that programs see as `config`. Another call adds to them. */
  withConfig(values: ContextValues): Codemode {
    return new Codemode(this.#resources, this.#registry, this.#context, { ...this.#values, ...values });
  }

  /** The tools and agents that programs of this client may call. */
  get registry(): ComponentRegistry {
    return this.#registry;
  }

  /**
   * This client with the tools, the agents and the context of another registry, instead of its own. Cheap enough for one
   * made for a single run. A context of `withContext` stays, over that of the registry.
   */
  withRegistry(registry: ComponentRegistry): Codemode {
    return new Codemode(this.#resources, registry, this.#context, this.#values);
  }

  /**
   * Runs `code` in a fresh isolate and resolves with its outcome, whether it succeeded or not.
   *
   * An executor that is lost in mid-run is followed by another: the program starts again, is given the answers that it
   * had, and joins the handlers that still run. No handler is called twice for one call.
   *
   * Where the app dies as well, executing the same again with the same `executionId` and store resumes the run. Its handlers
   * get the context, secrets included, of whoever resumes it: secrets are not stored. A call whose handler ran when the app
   * died is made again when its tool is `idempotent`; otherwise the run ends as `InDoubt`, to be settled by `settle` and
   * resumed.
   *
   * @throws {@link ExecutorConnectionError} when no executor could be reached within the configured attempts.
   * @throws {@link CodemodeError} when an option cannot be used, the executor did not do its part, or the store did not:
   * then the run can be resumed.
   */
  async execute<T = unknown>(code: string, options: ExecuteOptions = {}): Promise<Outcome<T>> {
    const { config, logger } = this.#resources;
    const registry = this.#registry;
    const current = registry.getContext();
    const context = current ? current.merge(this.#context) : this.#context;
    const prepared = prepare(code, options, { registry, config, logger, context, values: this.#values });
    const { request } = prepared;
    if (options.check === "types") {
      const error = await checkTypes(code, [...request.components.tools.values()]);
      if (error) return notRun<T>(request, error);
    }
    const outcome = await inExecuteSpan(prepared.request, (request) =>
      this.#resources.run({ ...prepared, request }, options.signal),
    );
    return outcome as Outcome<T>; // the caller knows what its program returns
  }

  /**
   * What to tell a model about the programs that it may write: instructions, and declarations of the tools and agents that
   * are registered at this moment, in no more than `budgetTokens`.
   *
   * @throws {@link ComponentNotFoundError} for a name that is not registered.
   * @throws {@link CodemodeError} `INVALID_ARGUMENT` for a budget that is none.
   */
  describe(options: DescribeOptions = {}): ModelDescription {
    return describe(this.#registry, options);
  }

  /** The components that have words of `query` in their names, descriptions or arguments, the best first; as `tools.$search` in a program. */
  search(query: string, options: SearchOptions = {}): readonly FoundComponent[] {
    return search(this.#registry.components, query, options);
  }

  /**
   * Tells what became of a call that is in doubt: one whose handler ran when its app died, and that must not be made again.
   * When all calls of an `InDoubt` run are settled, executing the same again resumes it.
   *
   * @throws {@link CodemodeError} `NOT_FOUND` without such a call, `BUSY` while somebody runs the run, `INVALID_ARGUMENT`
   * when the call has settled, the run has finished, or the value is none that the tool returns or is too large.
   */
  settle(executionId: string, seq: number, settlement: Settlement): Promise<void> {
    return settleCall(this.#resources.store, this.#registry, executionId, seq, settlement);
  }

  /**
   * What is recorded of a run, as a plain JSON document: for `replay`, and for the eyes. Holds the program, its context and
   * what its tools returned.
   *
   * @throws {@link CodemodeError} `NOT_FOUND` when the run is not recorded.
   */
  async journal(executionId: string): Promise<JournalDocument> {
    const stored = await this.#resources.store.load(executionId);
    if (stored) return toDocument(stored);
    const run = JSON.stringify(executionId);
    throw new CodemodeError("NOT_FOUND", `Cannot tell the journal of ${run}: the run is not recorded`);
  }

  /**
   * Runs a recorded run once more: the program of the document, its seed, its clock, and to every call the answer that it
   * had. No handler is called, no timer waited for, and nothing is recorded. Where the program does anything that the
   * document has not, the run ends as `Diverged`: change `code` in it to see what another program would have done.
   *
   * @throws {@link CodemodeError} `INVALID_ARGUMENT` when the document cannot be read; otherwise as `execute`.
   */
  async replay<T = unknown>(document: JournalDocument, options: ReplayOptions = {}): Promise<Outcome<T>> {
    const { onLog, signal } = options;
    const hook = onLog && ((line: LogLine) => guard(() => onLog(line), this.#resources.logger, "replay"));
    const outcome = await this.#resources.rehearse(toReplay(document, hook), signal);
    return outcome as Outcome<T>; // the caller knows what its program returns
  }

  /** Asks the executor how it is. Throws as `execute` does. */
  health(): Promise<ExecutorHealth> {
    return this.#resources.client.health();
  }

  /**
   * Ends the runs under way as `Cancelled`, though they can be resumed from the store, or with `wait` lets them come to
   * their end; refuses others from now on; and leaves no process, socket or timer. Idempotent: a `close()` after a
   * `close({ wait: true })` ends what still runs.
   */
  close(options: CloseOptions = {}): Promise<void> {
    return this.#resources.close(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
