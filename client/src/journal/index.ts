export { MemoryStore, type MemoryStoreOptions } from "./memory.ts";
export { SqliteStore } from "./sqlite.ts";
export type { CallRow, Claim, JournalStore, RunRecord, RunState, StoredRun } from "./store.ts";
