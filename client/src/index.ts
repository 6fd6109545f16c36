export { Codemode, type CodemodeOptions } from "./codemode.ts";
export type { ClientConfig, ClientConfigInput } from "./config/index.ts";
export * from "./errors.ts";
export type { ExecuteOptions } from "./execute.ts";
export {
  ExecutorClient,
  type ExecutorClientOptions,
  type ExecutorHealth,
  type RetryOptions,
} from "./executor-client/index.ts";
export type { Logger } from "./logger.ts";
export type { CloseOptions } from "./resources.ts";
export * from "./registry/index.ts";
export * from "./run/index.ts";
export { type Endpoint, type ExecutorSource, remoteSource } from "./sidecar/index.ts";
