export { CallState, Journal, JournalEntry } from "./gen/codemode/v1/journal.ts";
export {
  Accepted,
  Call,
  CallCancelled,
  CallResult,
  Cancel,
  ClientMessage,
  Component,
  ExecutorMessage,
  Finished,
  Idle,
  Log,
  Manifest,
  ManifestPiece,
  Output,
  Start,
} from "./gen/codemode/v1/messages.ts";
export {
  Budgets,
  CallError,
  CallErrorType,
  CallKind,
  LogLevel,
  OnOversize,
  RunError,
  RunErrorType,
  Truncation,
  Usage,
  Value,
  ValueEncoding,
} from "./gen/codemode/v1/run.ts";
export * from "./as-buffer.ts";
export * from "./batch.ts";
export * from "./large.ts";
export { Duration } from "./gen/google/protobuf/duration.ts";
export * from "./fields.ts";
export * from "./time.ts";
export * from "./output-bytes.ts";
export * from "./survey.ts";
