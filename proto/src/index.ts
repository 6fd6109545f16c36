export { argumentsHash } from "./arguments-hash.ts";
export * from "./errors.ts";
export {
  ExecutorServiceClient,
  type ExecutorServiceServer,
  ExecutorServiceService,
  GetInfoRequest,
  GetInfoResponse,
} from "./gen/codemode/v1/executor.ts";
export * from "./messages.ts";
export * from "./status-details.ts";
export * from "./streams.ts";
