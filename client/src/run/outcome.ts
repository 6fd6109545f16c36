import type { ErrorCode } from "@codemode/proto";
import { encode } from "@codemode/proto/values";
import { OutcomeError } from "../errors.ts";
import { type ModelTextOptions, toModelText } from "./model-text.ts";

/** How a program can fail. A closed set. */
export type RunFailureType =
  | "SyntaxError"
  | "RuntimeError"
  | "ToolError"
  | "ToolInputError"
  | "ToolOutputError"
  | "UnknownTool"
  | "Timeout"
  | "CpuLimit"
  | "MemoryLimit"
  | "OutputLimit"
  | "CallLimit"
  | "Deadlock"
  | "Unserializable"
  | "Diverged"
  | "Cancelled"
  | "Crashed"
  /** The app died while a handler ran, and nobody knows what it did. See `codemode.settle`. */
  | "InDoubt";

/** Why a program has no value. Its texts come from the program and its executor: show them, never run them. */
export interface RunFailure {
  readonly type: RunFailureType;
  readonly message: string;
  /** The `name` of what was thrown, when it was an error. */
  readonly name?: string;
  /** Where in the program, from 1. */
  readonly line?: number;
  readonly column?: number;
  /** The lines around it, with a mark under the place. */
  readonly frame?: string;
  /** The stack, in the program's own lines. */
  readonly stack?: string;
  /** What to do, where that is known. */
  readonly hint?: string;
  /** The call that failed, and its tool, for the tool types. */
  readonly seq?: number;
  readonly tool?: string;
  /** The `code` of the error that the handler threw. */
  readonly code?: string;
  /** The same call may succeed later. */
  readonly retryable?: boolean;
  /** How the tool is to be called, for the tool types. */
  readonly signature?: string;
}

/** Something that a program has shown beside its value, by `text()`, `json()` or `image()`. Nobody has checked it. */
export type OutputItem =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "json"; readonly value: unknown }
  | { readonly type: "image"; readonly mimeType: string; readonly data: Uint8Array };

/** What became of one call. `unknown`: its handler was told to stop, or its app died, and it may have had its effect or not. */
export interface CallRecord {
  readonly seq: number;
  readonly name: string;
  readonly kind: "tool" | "agent";
  readonly state: "not started" | "pending" | "succeeded" | "failed" | "unknown";
  readonly startedAt: Date;
  /** Absent while it has not settled. */
  readonly durationMs?: number;
}

/** One line of the program's console. */
export interface LogLine {
  readonly level: "debug" | "log" | "info" | "warn" | "error";
  readonly text: string;
  /** Where in the program, from 1. */
  readonly line?: number;
}

/** Why an attempt at a run ended before the run did. */
export interface Interruption {
  /** From 1. */
  readonly attempt: number;
  /** What kind of failure it was, such as `UNREACHABLE`, `BUSY` or `TIMEOUT`. */
  readonly code: ErrorCode;
  /** Where it was, and what happened. */
  readonly message: string;
}

/** What a run has used. 0 where nobody could tell. */
export interface RunUsage {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly peakHeapBytes: number;
  readonly peakResidentBytes: number;
  /** Tool and agent calls, and timers. */
  readonly calls: number;
  readonly argumentBytes: number;
  readonly resultBytes: number;
  readonly logBytes: number;
}

/** The data of an {@link Outcome}. */
export interface OutcomeData<T> {
  readonly executionId: string;
  readonly correlationId: string;
  /**
   * What the program returned; `undefined` when it failed. The program wrote it: check it before use. An object in it
   * may have a key `__proto__` of its own, which does nothing until it is merged into another.
   */
  readonly value: T | undefined;
  /** Why it failed; `null` when it did not. */
  readonly error: RunFailure | null;
  /** Tool and agent calls in the order in which they were issued. */
  readonly calls: readonly CallRecord[];
  readonly logs: readonly LogLine[];
  /** In the order of the program. */
  readonly outputs: readonly OutputItem[];
  readonly usage: RunUsage;
  /** For the author of the program. */
  readonly warnings: readonly string[];
  /**
   * Attempts that were made at the run, by all apps that went on with it. An executor that was full or was lost in mid-run
   * is followed by another one.
   */
  readonly attempts: number;
  /** Why those before the last ended. */
  readonly interruptions: readonly Interruption[];
}

/** How a run ended, with its evidence. Whatever a program does is one of these, never an exception. */
export class Outcome<T = unknown> implements OutcomeData<T> {
  readonly executionId: string;
  readonly correlationId: string;
  readonly status: "ok" | "failed";
  readonly value: T | undefined;
  readonly error: RunFailure | null;
  readonly calls: readonly CallRecord[];
  readonly logs: readonly LogLine[];
  readonly outputs: readonly OutputItem[];
  readonly usage: RunUsage;
  readonly warnings: readonly string[];
  readonly attempts: number;
  readonly interruptions: readonly Interruption[];

  constructor(data: OutcomeData<T>) {
    this.executionId = data.executionId;
    this.correlationId = data.correlationId;
    this.status = data.error === null ? "ok" : "failed";
    this.value = data.value;
    this.error = data.error;
    this.calls = data.calls;
    this.logs = data.logs;
    this.outputs = data.outputs;
    this.usage = data.usage;
    this.warnings = data.warnings;
    this.attempts = data.attempts;
    this.interruptions = data.interruptions;
  }

  /** The program's value. Throws an {@link OutcomeError} when it failed. */
  unwrap(): T {
    if (this.error) throw new OutcomeError(this);
    return this.value as T; // a program without an error has a value, `undefined` among them
  }

  /**
   * What a model should read to go on, or to mend its program: the cause, the line and a fix first, then warnings,
   * calls, output and console. Never longer than `budget`; the same for two runs that went the same way.
   */
  toModelText(options?: ModelTextOptions): string {
    return toModelText(this, options);
  }

  /** One JSON document. Values that JSON cannot hold are shown as `{"$type": …}`, `undefined` as `null`. */
  toJSON(): Record<string, unknown> {
    const { executionId, correlationId, status, error, logs, usage, warnings, attempts, interruptions } = this;
    return {
      executionId,
      correlationId,
      status,
      value: toJson(this.value),
      // Always there, so that a reader need not ask first; null where it is not known.
      error: error && { line: null, column: null, frame: null, ...error },
      logs,
      calls: this.calls.map(({ seq, name, state, durationMs }) => ({ seq, name, state, durationMs })),
      outputs: this.outputs.map((item) => {
        if (item.type === "json") return { ...item, value: toJson(item.value) };
        return item.type === "image" ? { ...item, data: Buffer.from(item.data).toString("base64") } : item;
      }),
      usage,
      warnings,
      attempts,
      interruptions,
    };
  }
}

const MAX_DEPTH = 1_000; // deeper than any executor may send

function toJson(value: unknown): unknown {
  return value === undefined ? null : JSON.parse(encode(value, { maxDepth: MAX_DEPTH }));
}
