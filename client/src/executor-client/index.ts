export { ExecutorClient, type ExecutorClientOptions, type ExecutorHealth } from "./client.ts";
export type { RetryOptions } from "./retry.ts";
