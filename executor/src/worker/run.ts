import {
  type Call,
  CallError,
  CallErrorType,
  CallKind,
  type CallResult,
  LogLevel,
  RunErrorType,
  type Value,
  ValueEncoding,
} from "@codemode/proto/messages";
import type { Done, Run, WorkerEvent } from "@codemode/proto/worker";
import { utf8Slice } from "@codemode/proto/values";
import type { RunSettings } from "../guest/host.ts";
import { excerpt, hintFor, readStack, runError } from "./failure.ts";
import { mapFrames } from "./frames.ts";
import type { Isolate, Receive } from "./isolate.ts";
import { ProgramSyntaxError } from "./parse.ts";
import { prepare, type Program } from "./program.ts";

type Event = NonNullable<WorkerEvent["event"]>;
type Ended = NonNullable<Done["result"]>;
type Plain = string | number | boolean;

const logLevels: Readonly<Record<string, LogLevel>> = {
  debug: LogLevel.LOG_LEVEL_DEBUG,
  log: LogLevel.LOG_LEVEL_LOG,
  info: LogLevel.LOG_LEVEL_INFO,
  warn: LogLevel.LOG_LEVEL_WARN,
  error: LogLevel.LOG_LEVEL_ERROR,
};
const callKinds: Readonly<Record<string, CallKind>> = {
  tool: CallKind.CALL_KIND_TOOL,
  agent: CallKind.CALL_KIND_AGENT,
  timer: CallKind.CALL_KIND_TIMER,
};

/**
 * One program in one isolate. What the guest says comes in through `receive`, goes out through `write` as it is said,
 * and is only believed as far as it harms nobody but the program: the session counts again.
 */
export class ProgramRun {
  readonly #run: Run;
  readonly #isolate: Isolate;
  readonly #write: (event: Event) => void;
  readonly #open = new Set<number>();
  readonly #truncation = { lines: 0, bytes: 0 };
  readonly #warnings: string[] = [];
  #logRoom: number;
  #program: Program | undefined;
  #ended: Ended | undefined;

  constructor(run: Run, isolate: Isolate, write: (event: Event) => void) {
    this.#run = run;
    this.#isolate = isolate;
    this.#write = write;
    this.#logRoom = Number(run.budgets?.logBytes ?? 0n);
  }

  start(): void {
    const { code, context, config } = this.#run;
    try {
      this.#program = prepare(code);
    } catch (error) {
      if (!(error instanceof ProgramSyntaxError)) throw error;
      const { position } = error;
      const place = position ? { line: position.line, column: position.column, frame: excerpt(code, position) } : {};
      const value = {
        ...runError(RunErrorType.RUN_ERROR_TYPE_SYNTAX_ERROR, error.message),
        name: "SyntaxError",
        ...place,
      };
      this.#ended = { $case: "error", value };
      return;
    }
    this.#isolate.start(this.#program.body, JSON.stringify(settingsOf(this.#run)), textOf(context), textOf(config));
    this.#afterEntry();
  }

  settle({ seq, result, settledAt }: CallResult): void {
    if (!this.#open.delete(seq)) return; // given up by the program while the answer was on the way
    const clock = settledAt?.getTime() ?? 0;
    if (result?.$case === "error") this.#isolate.settle(seq, "error", JSON.stringify(toGuest(result.value)), clock);
    else this.#isolate.settle(seq, modeOf(result?.value), textOf(result?.value), clock);
    this.#afterEntry();
  }

  /** How the program ended; undefined while it waits for calls. */
  get ended(): Ended | undefined {
    return this.#ended;
  }

  get truncation(): Done["truncation"] {
    return { logLines: BigInt(this.#truncation.lines), logBytes: BigInt(this.#truncation.bytes) };
  }

  get warnings(): string[] {
    return this.#warnings;
  }

  /**
   * What the guest calls; see `Send` for the kinds. It may be hostile code that calls: unknown kinds and what is no
   * primitive are passed over, and nothing is ever thrown back.
   */
  readonly receive: Receive = (kind, ...values) => {
    if (this.#ended || !values.every(isPlain)) return;
    try {
      this.#take(kind, values);
    } catch {
      process.kill(process.pid, "SIGKILL"); // the edge is gone, or will see that something is wrong here
    }
  };

  #take(kind: string, values: Plain[]): void {
    switch (kind) {
      case "call":
        return this.#call(values);
      case "cancel":
        if (this.#open.delete(Number(values[0]))) {
          this.#write({ $case: "callCancelled", value: { seq: Number(values[0]) } });
        }
        return;
      case "log":
        return this.#log(logLevels[String(values[0])] ?? LogLevel.LOG_LEVEL_LOG, String(values[1]));
      case "dropped":
        this.#truncation.lines += Number(values[0]);
        this.#truncation.bytes += Number(values[1]);
        return;
      case "succeed": {
        const data = Buffer.from(String(values[0]), "utf8");
        this.#ended = { $case: "value", value: { encoding: this.#encoding, data } };
        return;
      }
      case "fail":
        this.#fail(values);
    }
  }

  #log(level: LogLevel, said: string): void {
    const text = this.#inUserTerms(said);
    // The guest has kept to the budget, but the user's file may have a longer name than ours for it.
    const kept = utf8Slice(text, this.#logRoom);
    const isLost = kept === "" && text !== "";
    this.#truncation.bytes += text.length - kept.length;
    if (isLost) this.#truncation.lines += 1;
    else {
      this.#logRoom -= Buffer.byteLength(kept);
      this.#write({ $case: "log", value: { level, text: kept } });
    }
  }

  #inUserTerms(text: string): string {
    return this.#program ? mapFrames(text, this.#program, this.#run.fileName) : text;
  }

  get #encoding(): ValueEncoding {
    return this.#run.valueEncoding || ValueEncoding.VALUE_ENCODING_EXACT;
  }

  #call([seq, kind, name, argument]: Plain[]): void {
    const call: Call = {
      seq: Number(seq),
      kind: callKinds[String(kind)] ?? CallKind.CALL_KIND_UNSPECIFIED,
      name: String(name),
      arguments: undefined,
      delayMs: 0,
    };
    if (kind === "timer") call.delayMs = Number(argument);
    else call.arguments = { encoding: this.#encoding, data: Buffer.from(String(argument), "utf8") };
    this.#open.add(call.seq);
    this.#write({ $case: "call", value: call });
  }

  #fail(values: Plain[]): void {
    const [type, name, said, stackText, seq, component, code, retryable] = values;
    const message = this.#inUserTerms(String(said));
    const { stack, position } = this.#program
      ? readStack(String(stackText), this.#program, this.#run.fileName)
      : { stack: "" };
    const place = position
      ? { line: position.line, column: position.column, frame: excerpt(this.#run.code, position) }
      : {};
    const value = {
      ...runError(typeOf(String(type), String(name), message), message),
      name: String(name),
      stack,
      hint: hintFor(message),
      component: String(component),
      code: String(code),
      retryable: retryable === true,
      ...(Number(seq) > 0 ? { seq: Number(seq) } : {}),
      ...place,
    };
    this.#ended = { $case: "error", value };
  }

  /** The program has returned to us: it has ended, waits for calls, or can never go on. */
  #afterEntry(): void {
    if (this.#ended) return;
    if (this.#isolate.isDead) {
      const message = "The program used more memory than it may";
      this.#ended = { $case: "error", value: runError(RunErrorType.RUN_ERROR_TYPE_MEMORY_LIMIT, message) };
    } else if (this.#open.size > 0) {
      this.#write({ $case: "idle", value: { awaited: [...this.#open] } });
    } else {
      const message = "The program awaits something that nothing can settle: no call is in flight and no timer is set";
      this.#ended = { $case: "error", value: runError(RunErrorType.RUN_ERROR_TYPE_DEADLOCK, message) };
    }
  }
}

function textOf(value: Value | undefined): string {
  return value?.data.toString("utf8") ?? "";
}

function modeOf(value: Value | undefined): "exact" | "json" {
  return value?.encoding === ValueEncoding.VALUE_ENCODING_JSON ? "json" : "exact";
}

function settingsOf({ tools, agents, valueEncoding, context, config, seed, clock, budgets }: Run): RunSettings {
  return {
    tools,
    agents,
    mode: valueEncoding === ValueEncoding.VALUE_ENCODING_JSON ? "json" : "exact",
    contextMode: modeOf(context),
    configMode: modeOf(config),
    seed: seed.toString("hex"),
    clock: clock?.getTime() ?? 0,
    limits: {
      calls: budgets?.calls ?? 0,
      callsInFlight: budgets?.callsInFlight ?? 0,
      argumentBytes: Number(budgets?.argumentBytes ?? 0n),
      resultBytes: Number(budgets?.resultBytes ?? 0n),
      logBytes: Number(budgets?.logBytes ?? 0n),
      logLines: budgets?.logLines ?? 0,
    },
  };
}

const callErrorTypes: Readonly<Record<number, string>> = {
  [CallErrorType.CALL_ERROR_TYPE_TOOL_INPUT_ERROR]: "ToolInputError",
  [CallErrorType.CALL_ERROR_TYPE_TOOL_OUTPUT_ERROR]: "ToolOutputError",
  [CallErrorType.CALL_ERROR_TYPE_UNKNOWN_TOOL]: "UnknownTool",
};

function toGuest({ type, name, message, code, retryable }: CallError): object {
  return { type: callErrorTypes[type] ?? "ToolError", name, message, code, retryable };
}

function isPlain(value: unknown): boolean {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

const runErrorTypes: Readonly<Record<string, RunErrorType>> = {
  SyntaxError: RunErrorType.RUN_ERROR_TYPE_SYNTAX_ERROR,
  ToolError: RunErrorType.RUN_ERROR_TYPE_TOOL_ERROR,
  ToolInputError: RunErrorType.RUN_ERROR_TYPE_TOOL_INPUT_ERROR,
  ToolOutputError: RunErrorType.RUN_ERROR_TYPE_TOOL_OUTPUT_ERROR,
  UnknownTool: RunErrorType.RUN_ERROR_TYPE_UNKNOWN_TOOL,
  Unserializable: RunErrorType.RUN_ERROR_TYPE_UNSERIALIZABLE,
  OutputLimit: RunErrorType.RUN_ERROR_TYPE_OUTPUT_LIMIT,
  CallLimit: RunErrorType.RUN_ERROR_TYPE_CALL_LIMIT,
};

// V8's own words when a single allocation is over what the isolate may have. A program that throws them itself only
// gets its own failure a better name.
const ALLOCATION = /^(Array buffer allocation failed|Invalid string length)$/;

function typeOf(type: string, name: string, message: string): RunErrorType {
  if (type === "RuntimeError" && name === "RangeError" && ALLOCATION.test(message)) {
    return RunErrorType.RUN_ERROR_TYPE_MEMORY_LIMIT;
  }
  return runErrorTypes[type] ?? RunErrorType.RUN_ERROR_TYPE_RUNTIME_ERROR;
}
