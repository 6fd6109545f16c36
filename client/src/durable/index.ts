export { type JournalDocument, toDocument, toReplay } from "./document.ts";
export type { CallFailure, Settlement } from "./settle.ts";
export { settleCall } from "./settle.ts";
export { type Prepared, Runs } from "./runs.ts";
