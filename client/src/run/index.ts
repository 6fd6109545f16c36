export type { ModelTextOptions } from "./model-text.ts";
export {
  type CallRecord,
  type Interruption,
  type LogLine,
  Outcome,
  type OutcomeData,
  type OutputItem,
  type RunFailure,
  type RunFailureType,
  type RunUsage,
} from "./outcome.ts";
export { Run } from "./run.ts";
export type { RunBudgets, RunRequest } from "./start.ts";
