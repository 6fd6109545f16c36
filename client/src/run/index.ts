export { manifestOf, WireManifest } from "./manifest-wire.ts";
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
export { notRun } from "./not-run.ts";
export { type Recording, unrecorded } from "./recording.ts";
export { Run } from "./run.ts";
export { ID, maxAnswerBytes, type RunBudgets, type RunRequest, type RunStart, toStart } from "./start.ts";
