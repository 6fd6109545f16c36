import { CodemodeError } from "../errors.ts";
import { checkOwned, checkPut, checkResolve, checkSame, isFinishedSo, isLive } from "./rules.ts";
import type { CallRow, Claim, JournalStore, RunRecord, RunState, StoredRun } from "./store.ts";

export interface MemoryStoreOptions {
  /**
   * Finished runs to keep; beyond, the one that finished first is forgotten. Executing its id again runs it again. As many
   * are kept of those that were given up unfinished.
   *
   * @defaultValue 1_000
   */
  readonly maxFinished?: number;
  /**
   * Bytes that finished runs may hold together; beyond, as above. The latest is always kept.
   *
   * @defaultValue 67_108_864
   */
  readonly maxFinishedBytes?: number;
}

interface Kept {
  readonly record: RunRecord;
  readonly calls: Map<number, CallRow>;
  fence: number;
  state: RunState;
}

/** Keeps runs as long as the process lives: they survive executors, not the app. */
export class MemoryStore implements JournalStore {
  readonly #runs = new Map<string, Kept>();
  /** Size by id, in the order in which they finished. */
  readonly #finished = new Map<string, number>();
  /** Unfinished, and nobody's, in the order in which they were given up. */
  readonly #free = new Set<string>();
  readonly #maxFinished: number;
  readonly #maxFinishedBytes: number;
  #finishedBytes = 0;
  #lastFence = 0;
  #isClosed = false;

  constructor({ maxFinished = 1000, maxFinishedBytes = 67_108_864 }: MemoryStoreOptions = {}) {
    this.#maxFinished = maxFinished;
    this.#maxFinishedBytes = maxFinishedBytes;
  }

  async claim(record: RunRecord, owner: string, leaseMs: number): Promise<Claim> {
    const run = this.#find(record.executionId) ?? { record, calls: new Map(), fence: 0, state: { kind: "free" } };
    checkSame(run.record, record);
    if (run.state.kind === "finished") return { kind: "done", outcome: run.state.outcome, run: toStored(run) };
    if (isLive(run.state)) return { kind: "held", owner: run.state.owner, until: run.state.until };
    this.#runs.set(record.executionId, run);
    this.#free.delete(record.executionId);
    run.fence = this.#lastFence += 1;
    run.state = { kind: "owned", owner, until: new Date(Date.now() + leaseMs) };
    return { kind: "owned", fence: run.fence, run: toStored(run) };
  }

  async renew(executionId: string, fence: number, leaseMs: number): Promise<void> {
    const run = this.#find(executionId);
    checkOwned("renew the lease of", executionId, run, fence);
    if (run.state.kind === "owned") run.state = { ...run.state, until: new Date(Date.now() + leaseMs) };
  }

  async put(executionId: string, fence: number, call: CallRow): Promise<void> {
    const run = this.#find(executionId);
    checkOwned(`record call ${call.seq} of`, executionId, run, fence);
    const before = run.calls.get(call.seq);
    if (before) checkPut(executionId, before, call);
    if (before && before.state !== "pending") return;
    run.calls.set(call.seq, { ...call });
  }

  async finish(executionId: string, fence: number, outcome: string): Promise<void> {
    const run = this.#find(executionId);
    if (isFinishedSo(run, fence, outcome)) return;
    checkOwned("finish", executionId, run, fence);
    run.state = { kind: "finished", outcome, finishedAt: new Date() };
    const bytes = bytesOf(run, outcome);
    this.#finished.set(executionId, bytes);
    this.#finishedBytes += bytes;
    this.#shrink();
  }

  async release(executionId: string, fence: number): Promise<void> {
    const run = this.#find(executionId);
    if (run?.fence === fence && run.state.kind === "owned") this.#giveUp(run);
  }

  async load(executionId: string): Promise<StoredRun | undefined> {
    const run = this.#find(executionId);
    return run && toStored(run);
  }

  async resolve(executionId: string, call: CallRow): Promise<void> {
    const run = this.#find(executionId);
    checkResolve(executionId, run && toStored(run), call);
    run?.calls.set(call.seq, { ...call });
    if (run) this.#giveUp(run);
  }

  async prune(before: Date): Promise<number> {
    let count = 0;
    for (const executionId of this.#finished.keys()) {
      const state = this.#find(executionId)?.state;
      if (state?.kind !== "finished" || state.finishedAt >= before) continue;
      this.#forget(executionId);
      count += 1;
    }
    return count;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#runs.clear();
    this.#finished.clear();
    this.#free.clear();
  }

  #find(executionId: string): Kept | undefined {
    if (this.#isClosed) throw new CodemodeError("CLOSED", "Cannot use the journal: it is closed");
    return this.#runs.get(executionId);
  }

  #giveUp(run: Kept): void {
    run.state = { kind: "free" };
    this.#free.add(run.record.executionId);
    if (this.#free.size <= this.#maxFinished) return;
    const [first = ""] = this.#free;
    this.#free.delete(first);
    this.#runs.delete(first);
  }

  #shrink(): void {
    for (const executionId of this.#finished.keys()) {
      const { size } = this.#finished;
      if (size <= 1 || (size <= this.#maxFinished && this.#finishedBytes <= this.#maxFinishedBytes)) return;
      this.#forget(executionId);
    }
  }

  #forget(executionId: string): void {
    this.#finishedBytes -= this.#finished.get(executionId) ?? 0;
    this.#finished.delete(executionId);
    this.#runs.delete(executionId);
  }
}

function toStored({ record, calls, state }: Kept): StoredRun {
  return { record, calls: [...calls.values()].toSorted((a, b) => a.seq - b.seq), state };
}

const ROW_BYTES = 300; // about what V8 takes for a call without its result

function bytesOf({ record, calls }: Kept, outcome: string): number {
  const rows = calls.values().reduce((sum, { result }) => sum + ROW_BYTES + (result?.length ?? 0), 0);
  return record.start.length + rows + outcome.length;
}
