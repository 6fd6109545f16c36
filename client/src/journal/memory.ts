import { CodemodeError } from "../errors.ts";
import { checkOwned, checkPut, checkResolve, checkSame, isFinishedSo, isLive } from "./rules.ts";
import type { CallRow, Claim, JournalStore, RunRecord, RunState, StoredRun } from "./store.ts";

export interface MemoryStoreOptions {
  /**
   * Finished runs to keep; beyond, the one that finished first is forgotten. Executing its id again runs it again. Of
   * those that were given up unfinished, as many are kept, and as many bytes.
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
  attempts: number;
  state: RunState;
}

/** Keeps runs as long as the process lives: they survive executors, not the app. */
export class MemoryStore implements JournalStore {
  readonly #runs = new Map<string, Kept>();
  readonly #finished: Shelf;
  /** Unfinished, and nobody's. */
  readonly #free: Shelf;
  readonly #manifests = new SharedManifests();
  #lastFence = 0;
  #isClosed = false;

  constructor({ maxFinished = 1000, maxFinishedBytes = 67_108_864 }: MemoryStoreOptions = {}) {
    this.#finished = new Shelf(maxFinished, maxFinishedBytes);
    this.#free = new Shelf(maxFinished, maxFinishedBytes);
  }

  async claim(record: RunRecord, owner: string, leaseMs: number): Promise<Claim> {
    const known = this.#find(record.executionId);
    if (known) {
      checkSame(known.record, record);
      const { state } = known;
      if (state.kind === "finished") return { kind: "done", outcome: state.outcome };
      if (isLive(state)) return { kind: "held", owner: state.owner, until: state.until };
    }
    const run = known ?? this.#keep(record);
    this.#free.take(record.executionId);
    run.fence = this.#lastFence += 1;
    run.state = { kind: "owned", owner, until: new Date(Date.now() + leaseMs) };
    return { kind: "owned", fence: run.fence, run: toStored(run) };
  }

  async renew(executionId: string, fence: number, leaseMs: number): Promise<void> {
    const run = this.#find(executionId);
    checkOwned("renew the lease of", executionId, run, fence);
    if (run.state.kind === "owned") run.state = { ...run.state, until: new Date(Date.now() + leaseMs) };
  }

  async countAttempts(executionId: string, fence: number, attempts: number): Promise<void> {
    const run = this.#find(executionId);
    checkOwned("count the attempts at", executionId, run, fence);
    run.attempts = Math.max(run.attempts, attempts);
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
    this.#forget(this.#finished.put(executionId, bytesOf(run) + outcome.length, run.record.manifest));
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
    for (const { record, state } of this.#runs.values()) {
      if (state.kind !== "finished" || state.finishedAt >= before) continue;
      this.#finished.take(record.executionId);
      this.#forget([record.executionId]);
      count += 1;
    }
    return count;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#runs.clear();
  }

  #find(executionId: string): Kept | undefined {
    if (this.#isClosed) throw new CodemodeError("CLOSED", "Cannot use the journal: it is closed");
    return this.#runs.get(executionId);
  }

  #giveUp(run: Kept): void {
    run.state = FREE;
    this.#forget(this.#free.put(run.record.executionId, bytesOf(run), run.record.manifest));
  }

  #keep(record: RunRecord): Kept {
    const manifest = this.#manifests.take(record.manifest);
    const kept = manifest ? { ...record, manifest } : record;
    const run: Kept = { record: kept, calls: new Map(), fence: 0, attempts: 0, state: FREE };
    this.#runs.set(record.executionId, run);
    return run;
  }

  #forget(ids: readonly string[]): void {
    for (const id of ids) {
      this.#manifests.drop(this.#runs.get(id)?.record.manifest);
      this.#runs.delete(id);
    }
  }
}

const FREE = { kind: "free" } as const;

type SharedManifest = RunRecord["manifest"];

/** The manifests of all runs that are kept: one object for each, however many clients, sets and runs it came with. */
class SharedManifests {
  readonly #byHash = new Map<string, { readonly manifest: SharedManifest; runs: number }>();

  /** For one run more. */
  take(manifest: SharedManifest): SharedManifest {
    if (!manifest) return undefined;
    const key = keyOf(manifest);
    const known = this.#byHash.get(key) ?? {
      manifest: { hash: manifest.hash, encoded: manifest.encoded }, // it may be more than that
      runs: 0,
    };
    known.runs += 1;
    this.#byHash.set(key, known);
    return known.manifest;
  }

  /** For one run less. */
  drop(manifest: SharedManifest): void {
    if (!manifest) return;
    const key = keyOf(manifest);
    const known = this.#byHash.get(key);
    if (known && (known.runs -= 1) === 0) this.#byHash.delete(key);
  }
}

function keyOf({ hash }: NonNullable<SharedManifest>): string {
  return Buffer.from(hash).toString("base64");
}

/** The ids of runs that wait to be wanted again, with their sizes, in the order in which they came. */
class Shelf {
  readonly #sizes = new Map<string, { readonly bytes: number; readonly manifest: SharedManifest }>();
  /** How many of the runs have each manifest, which counts once. */
  readonly #manifests = new Map<SharedManifest, number>();
  readonly #maxRuns: number;
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxRuns: number, maxBytes: number) {
    this.#maxRuns = maxRuns;
    this.#maxBytes = maxBytes;
  }

  /** Says which others have to go to make room for it. */
  put(id: string, bytes: number, manifest: SharedManifest): string[] {
    this.take(id);
    this.#sizes.set(id, { bytes, manifest });
    this.#bytes += bytes;
    this.#share(manifest, 1);
    const gone: string[] = [];
    for (const first of this.#sizes.keys()) {
      if (first === id || (this.#sizes.size <= this.#maxRuns && this.#bytes <= this.#maxBytes)) break;
      this.take(first);
      gone.push(first);
    }
    return gone;
  }

  take(id: string): void {
    const size = this.#sizes.get(id);
    if (!size) return;
    this.#sizes.delete(id);
    this.#bytes -= size.bytes;
    this.#share(size.manifest, -1);
  }

  #share(manifest: SharedManifest, by: 1 | -1): void {
    if (!manifest) return;
    const before = this.#manifests.get(manifest) ?? 0;
    if (before === 0) this.#bytes += manifest.encoded.length;
    if (before + by > 0) this.#manifests.set(manifest, before + by);
    else {
      this.#manifests.delete(manifest);
      this.#bytes -= manifest.encoded.length;
    }
  }
}

function toStored({ record, calls, attempts, state }: Kept): StoredRun {
  return { record, calls: [...calls.values()].toSorted((a, b) => a.seq - b.seq), attempts, state };
}

const ROW_BYTES = 300; // about what V8 takes for a call without its result

function bytesOf({ record, calls }: Kept): number {
  const rows = calls.values().reduce((sum, { result }) => sum + ROW_BYTES + (result?.length ?? 0), 0);
  return record.start.length + rows;
}
