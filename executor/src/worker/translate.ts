import {
  CallError,
  CallErrorType,
  CallKind,
  type CallResult,
  LogLevel,
  OnOversize,
  type Output,
  RunErrorType,
  type Value,
  ValueEncoding,
} from "@codemode/proto/messages";
import type { Run } from "@codemode/proto/worker";
import type { AnswerKind, RunSettings } from "../guest/host.ts";

// What goes between the guest, which speaks in primitives, and the wire.

export const logLevels: Readonly<Record<string, LogLevel>> = {
  debug: LogLevel.LOG_LEVEL_DEBUG,
  log: LogLevel.LOG_LEVEL_LOG,
  info: LogLevel.LOG_LEVEL_INFO,
  warn: LogLevel.LOG_LEVEL_WARN,
  error: LogLevel.LOG_LEVEL_ERROR,
};
export const callKinds: Readonly<Record<string, CallKind>> = {
  tool: CallKind.CALL_KIND_TOOL,
  agent: CallKind.CALL_KIND_AGENT,
  timer: CallKind.CALL_KIND_TIMER,
  next: CallKind.CALL_KIND_NEXT,
};

export function outputItem(kind: string, text: string, mimeType: string, encoding: ValueEncoding): Output["item"] {
  switch (kind) {
    case "text":
      return { $case: "text", value: text };
    case "json":
      return { $case: "json", value: { encoding, data: Buffer.from(text, "utf8") } };
    case "image":
      return { $case: "image", value: { mimeType: mimeType.slice(0, 100), data: Buffer.from(text, "base64") } };
    default:
      return undefined;
  }
}

export function textOf(value: Value | undefined): string {
  return value?.data.toString("utf8") ?? "";
}

/** The answer to a call in terms of the guest. */
export function answerOf(result: CallResult["result"]): [kind: AnswerKind, text: string] {
  switch (result?.$case) {
    case "error":
      return ["error", JSON.stringify(toGuest(result.value))];
    case "stream":
      return ["stream", ""];
    default:
      return [modeOf(result?.value), textOf(result?.value)];
  }
}

function modeOf(value: Value | undefined): "exact" | "json" {
  return value?.encoding === ValueEncoding.VALUE_ENCODING_JSON ? "json" : "exact";
}

export function settingsOf(run: Run, globals: readonly string[]): RunSettings {
  const { valueEncoding, onOversize, context, config, seed, clock, budgets } = run;
  return {
    globals,
    ...(onOversize !== OnOversize.ON_OVERSIZE_UNSPECIFIED && {
      onOversize: onOversize === OnOversize.ON_OVERSIZE_TRUNCATE ? "truncate" : "fail",
    }),
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

export function typeOf(type: string, name: string, message: string): RunErrorType {
  if (type === "RuntimeError" && name === "RangeError" && ALLOCATION.test(message)) {
    return RunErrorType.RUN_ERROR_TYPE_MEMORY_LIMIT;
  }
  return runErrorTypes[type] ?? RunErrorType.RUN_ERROR_TYPE_RUNTIME_ERROR;
}
