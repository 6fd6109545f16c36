export { Codemode, type CodemodeOptions, type ReplayOptions } from "./codemode.ts";
export type { ClientConfig, ClientConfigInput } from "./config/index.ts";
export type { CallFailure, JournalDocument, Settlement } from "./durable/index.ts";
export * from "./errors.ts";
export type { ExecuteOptions } from "./execute.ts";
export {
  ExecutorClient,
  type ExecutorClientOptions,
  type ExecutorHealth,
  type RetryOptions,
} from "./executor-client/index.ts";
export type { Address, FetchOptions, FetchRequest, FetchRule, Lookup } from "./fetch/index.ts";
export * from "./journal/index.ts";
export type { Logger } from "./logger.ts";
export type { DescribeOptions, FoundComponent, ModelDescription, SearchOptions } from "./prompt/index.ts";
export type { CloseOptions, RecordingOptions } from "./resources.ts";
export * from "./openapi/index.ts";
export * from "./registry/index.ts";
export {
  type CallRecord,
  type Interruption,
  type LogLine,
  type ModelTextOptions,
  Outcome,
  type OutcomeData,
  type OutputItem,
  type Recording,
  Run,
  type RunBudgets,
  type RunFailure,
  type RunFailureType,
  type RunRequest,
  type RunUsage,
} from "./run/index.ts";
export { type Endpoint, type ExecutorSource, remoteSource } from "./sidecar/index.ts";
