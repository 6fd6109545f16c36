import type { RuntimeContext } from "./context.ts";
import type { CompiledSchema, InputOf, OutputOf, Schema } from "./schema.ts";

/** What a handler is told about the call that it answers. */
export interface CallInfo {
  /** Names the run. The same in every attempt at it. */
  readonly executionId: string;
  /** 1, 2, 3 … in the order in which the program issued its calls. */
  readonly seq: number;
  /** `<executionId>:<seq>`. Pass it on to what must not happen twice. */
  readonly idempotencyKey: string;
  readonly correlationId: string;
  /** The context of the `execute()` that this call came from, secrets included. */
  readonly context: RuntimeContext;
  /** Fires when nobody waits for this call any more. */
  readonly signal: AbortSignal;
}

interface Description<I, O> {
  /** For the model: what it does, in what units, what it returns. */
  readonly description: string;
  /** Checked before the handler is called. Anything passes when absent. */
  readonly inputSchema?: I;
  /** Checked before the program sees the result, or an item of it where it is a stream. Anything passes when absent. */
  readonly outputSchema?: O;
  /**
   * May be called again with the same idempotency key: an app that resumes a run calls it once more where the app before
   * died before it saw the answer. Without this such a call is in doubt, and ends the run as `InDoubt`.
   *
   * @defaultValue false
   */
  readonly idempotent?: boolean;
  /** Inputs as a program may pass them. The first that `inputSchema` accepts is shown to models. One is made when absent. */
  readonly inputExamples?: readonly unknown[];
}

type Returned<O extends Schema | undefined> = OutputOf<O> | Promise<OutputOf<O>> | AsyncIterable<OutputOf<O>>;

/** A function of the app that programs may call as `tools.<name>(input)`. */
export interface ToolDefinition<I extends Schema | undefined, O extends Schema | undefined> extends Description<I, O> {
  /**
   * Runs in the app, once per call (see `idempotent`). What it throws, the program may catch: name, message and `code`,
   * never the stack.
   *
   * What it yields, as an async generator or anything else that is async iterable, the program reads by
   * `for await (const item of tools.<name>(input))`. It is read as the program asks, up to 64 items or 256 KiB ahead, and in
   * a long stream an item may wait for others for up to 100 ms. When the program leaves, or the run ends, its `return()` is
   * called and the signal fires. A run has 64 streams open at most. A stream ends with its app: a run that is resumed and
   * wants more of it gets a `StreamLostError` (code `STREAM_LOST`) when this is `idempotent`, and is in doubt otherwise.
   */
  execute(input: InputOf<I>, call: CallInfo): Returned<O>;
}

/** An agent of the app that programs may call as `agents.<name>.run(input)`. */
export interface AgentDefinition<I extends Schema | undefined, O extends Schema | undefined> extends Description<I, O> {
  /** As `execute` of a tool. */
  run(input: InputOf<I>, call: CallInfo): Returned<O>;
}

/** A registered tool or agent. */
export interface Component {
  readonly kind: "tool" | "agent";
  readonly name: string;
  /** Where it comes from, as errors tell it: `registerTool()`, `the MCP server "filesystem"`. */
  readonly origin: string;
  /** What it is called there, if it has a name of its own: `name` may be made of another name now than before. */
  readonly originName: string | undefined;
  readonly description: string;
  readonly inputSchema: Schema | undefined;
  readonly outputSchema: Schema | undefined;
  readonly idempotent: boolean;
  readonly inputExamples: readonly unknown[];
  /** `inputSchema`, ready for use. */
  readonly input: CompiledSchema;
  /** `outputSchema`, ready for use. */
  readonly output: CompiledSchema;
  readonly handle: (input: unknown, call: CallInfo) => unknown;
}
