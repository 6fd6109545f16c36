import {
  type Finished,
  type Log,
  LogLevel,
  type Output,
  type RunError,
  RunErrorType,
  toMs,
} from "@codemode/proto/messages";
import type { LogLine, OutputItem, RunFailure, RunFailureType, RunUsage } from "./outcome.ts";
import { fromWire } from "./values.ts";

const FAILURE_TYPES: ReadonlyMap<RunErrorType, RunFailureType> = new Map([
  [RunErrorType.RUN_ERROR_TYPE_SYNTAX_ERROR, "SyntaxError"],
  [RunErrorType.RUN_ERROR_TYPE_RUNTIME_ERROR, "RuntimeError"],
  [RunErrorType.RUN_ERROR_TYPE_TOOL_ERROR, "ToolError"],
  [RunErrorType.RUN_ERROR_TYPE_TOOL_INPUT_ERROR, "ToolInputError"],
  [RunErrorType.RUN_ERROR_TYPE_TOOL_OUTPUT_ERROR, "ToolOutputError"],
  [RunErrorType.RUN_ERROR_TYPE_UNKNOWN_TOOL, "UnknownTool"],
  [RunErrorType.RUN_ERROR_TYPE_TIMEOUT, "Timeout"],
  [RunErrorType.RUN_ERROR_TYPE_CPU_LIMIT, "CpuLimit"],
  [RunErrorType.RUN_ERROR_TYPE_MEMORY_LIMIT, "MemoryLimit"],
  [RunErrorType.RUN_ERROR_TYPE_OUTPUT_LIMIT, "OutputLimit"],
  [RunErrorType.RUN_ERROR_TYPE_CALL_LIMIT, "CallLimit"],
  [RunErrorType.RUN_ERROR_TYPE_DEADLOCK, "Deadlock"],
  [RunErrorType.RUN_ERROR_TYPE_UNSERIALIZABLE, "Unserializable"],
  [RunErrorType.RUN_ERROR_TYPE_DIVERGED, "Diverged"],
  [RunErrorType.RUN_ERROR_TYPE_CANCELLED, "Cancelled"],
  [RunErrorType.RUN_ERROR_TYPE_CRASHED, "Crashed"],
]);

const LEVELS: ReadonlyMap<LogLevel, LogLine["level"]> = new Map([
  [LogLevel.LOG_LEVEL_DEBUG, "debug"],
  [LogLevel.LOG_LEVEL_LOG, "log"],
  [LogLevel.LOG_LEVEL_INFO, "info"],
  [LogLevel.LOG_LEVEL_WARN, "warn"],
  [LogLevel.LOG_LEVEL_ERROR, "error"],
]);

const MAX_TEXT = 8_000; // characters of any text of a failure: it goes to logs and to models

/** What the wire leaves empty is absent here. `undefined` when the executor names a type that we do not know. */
export function toFailure(error: RunError): RunFailure | undefined {
  const type = FAILURE_TYPES.get(error.type);
  if (!type) return undefined;
  const cut = (text: string): string => text.slice(0, MAX_TEXT);
  return {
    type,
    message: cut(error.message),
    ...(error.name && { name: cut(error.name) }),
    ...(error.line !== undefined && { line: error.line }),
    ...(error.column !== undefined && { column: error.column }),
    ...(error.frame && { frame: cut(error.frame) }),
    ...(error.stack && { stack: cut(error.stack) }),
    ...(error.hint && { hint: cut(error.hint) }),
    ...(error.seq !== undefined && { seq: error.seq }),
    ...(error.component && { tool: cut(error.component) }),
    ...(error.code && { code: cut(error.code) }),
    ...(error.retryable && { retryable: true }),
    ...(error.signature && { signature: cut(error.signature) }),
  };
}

export function toOutputItem(item: NonNullable<Output["item"]>): OutputItem {
  switch (item.$case) {
    case "text":
      return { type: "text", text: item.value };
    case "json":
      return { type: "json", value: fromWire(item.value) };
    case "image":
      return { type: "image", mimeType: item.value.mimeType, data: new Uint8Array(item.value.data) };
  }
}

export function toLogLine(log: Log): LogLine {
  const level = LEVELS.get(log.level) ?? "log";
  return { level, text: log.text, ...(log.line !== undefined && { line: log.line }) };
}

/** What the executor measured, or what we can tell without it. */
export function toUsage(finished: Finished | undefined, own: { wallMs: number; calls: number }): RunUsage {
  const usage = finished?.usage;
  return {
    wallMs: usage?.wallTime ? toMs(usage.wallTime) : own.wallMs,
    cpuMs: usage?.cpuTime ? toMs(usage.cpuTime) : 0,
    peakHeapBytes: Number(usage?.peakHeapBytes ?? 0),
    peakResidentBytes: Number(usage?.peakResidentBytes ?? 0),
    calls: usage?.calls ?? own.calls,
    argumentBytes: Number(usage?.argumentBytes ?? 0),
    resultBytes: Number(usage?.resultBytes ?? 0),
    logBytes: Number(usage?.logBytes ?? 0),
  };
}
