import { resolve } from "node:path";
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import type { DatabaseSync } from "node:sqlite";
import { CodemodeError } from "../errors.ts";
import { checkOwned, checkPut, checkResolve, checkSame, isFinishedSo, isLive } from "./rules.ts";
import { isLocked, whyFailed } from "./sqlite-failure.ts";
import { openFile } from "./sqlite-file.ts";
import { fromCall, type RunRow, toCall, toRun } from "./sqlite-rows.ts";
import type { Statements } from "./sqlite-statements.ts";
import type { CallRow, Claim, JournalStore, RunRecord, StoredRun } from "./store.ts";

const LOCKED_MS = 5_000; // how long a step waits for others, who take milliseconds each but may be many
const MAX_PAUSE_MS = 20;
const PRUNED_AT_ONCE = 100; // runs; each batch blocks the process for some milliseconds

/**
 * Keeps runs in one SQLite file on a local disk, for all processes of one machine. Leases go by its wall clock.
 *
 * What has been recorded outlives the process, however it ends. A loss of power, or of the machine, may take the last
 * moments before it: the file stays sound, but a tool that was called in them may be called again. The file grows to what
 * was kept at a time; the space of pruned runs is used again, not given back.
 *
 * SQLite blocks the process while it works: some 20 µs to record a small call, milliseconds for a megabyte or for a journal
 * of ten thousand calls. A step that another process is in the way of waits without blocking, up to 5 s, and then fails
 * as `BUSY`.
 */
export class SqliteStore implements JournalStore {
  readonly #file: string;
  readonly #database: DatabaseSync;
  readonly #sql: Statements;
  #isClosed = false;

  /**
   * Opens `path`, and makes the file, readable by its user alone, when there is none.
   *
   * @throws ConfigError when the file cannot be used.
   */
  constructor(path: string) {
    this.#file = resolve(path);
    const { database, sql } = openFile(this.#file);
    this.#database = database;
    this.#sql = sql;
  }

  async claim(record: RunRecord, owner: string, leaseMs: number): Promise<Claim> {
    const { executionId } = record;
    return this.#transaction("BEGIN IMMEDIATE", () => {
      const before = this.#find(executionId);
      if (before) {
        checkSame(before, record);
        const { state } = before;
        if (state.kind === "finished") return { kind: "done", outcome: state.outcome };
        if (isLive(state)) return { kind: "held", owner: state.owner, until: state.until };
      } else {
        const { fingerprint, start, createdAt, manifest } = record;
        if (manifest && !this.#sql.hasManifest.get(manifest.hash)) {
          this.#sql.insertManifest.run(manifest.hash, manifest.encoded);
        }
        this.#sql.insert.run(executionId, createdAt.getTime(), fingerprint, manifest?.hash ?? null, start);
      }
      const fence = Number(this.#sql.nextFence.get()?.["last"]);
      this.#sql.own.run(fence, owner, Date.now() + leaseMs, executionId);
      const run = this.#find(executionId);
      if (!run) throw new CodemodeError("INTERNAL", "A run was not found by the claim that made it");
      const { attempts, state } = run;
      return { kind: "owned", fence, run: before ? this.#toStored(run) : { record, calls: [], attempts, state } };
    });
  }

  async renew(executionId: string, fence: number, leaseMs: number): Promise<void> {
    await this.#use(() => {
      if (this.#sql.renew.run(Date.now() + leaseMs, executionId, fence).changes === 1) return;
      checkOwned("renew the lease of", executionId, this.#find(executionId), fence);
    });
  }

  async countAttempts(executionId: string, fence: number, attempts: number): Promise<void> {
    await this.#use(() => {
      if (this.#sql.countAttempts.run(attempts, executionId, fence).changes === 1) return;
      checkOwned("count the attempts at", executionId, this.#find(executionId), fence);
    });
  }

  async put(executionId: string, fence: number, call: CallRow): Promise<void> {
    await this.#use(() => {
      if (this.#sql.put.run(...fromCall(call), executionId, fence).changes === 1) return;
      const run = this.#find(executionId);
      checkOwned(`record call ${call.seq} of`, executionId, run, fence);
      const before = this.#sql.call.get(run.id, call.seq);
      if (before) checkPut(executionId, toCall(executionId, before), call);
    });
  }

  async finish(executionId: string, fence: number, outcome: string): Promise<void> {
    await this.#use(() => {
      if (this.#sql.finish.run(outcome, Date.now(), executionId, fence).changes === 1) return;
      const run = this.#find(executionId);
      if (!isFinishedSo(run, fence, outcome)) checkOwned("finish", executionId, run, fence);
    });
  }

  async release(executionId: string, fence: number): Promise<void> {
    await this.#use(() => this.#sql.release.run(executionId, fence));
  }

  async load(executionId: string): Promise<StoredRun | undefined> {
    return this.#transaction("BEGIN", () => {
      const run = this.#find(executionId);
      return run && this.#toStored(run);
    });
  }

  async resolve(executionId: string, call: CallRow): Promise<void> {
    await this.#transaction("BEGIN IMMEDIATE", () => {
      const run = this.#find(executionId);
      checkResolve(executionId, run && { state: run.state, calls: this.#calls(run) }, call);
      if (!run) return;
      this.#sql.release.run(executionId, run.fence);
      this.#sql.resolve.run(...fromCall(call), run.id);
    });
  }

  async prune(before: Date): Promise<number> {
    for (let count = 0; ; await setImmediate()) {
      const pruned = await this.#use(() => Number(this.#sql.prune.run(before.getTime(), PRUNED_AT_ONCE).changes));
      count += pruned;
      if (pruned === PRUNED_AT_ONCE) continue;
      if (count > 0) await this.#use(() => this.#sql.pruneManifests.run());
      return count;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#database.close();
  }

  #find(executionId: string): RunRow | undefined {
    const row = this.#sql.run.get(executionId);
    return row && toRun(row);
  }

  #calls({ id, executionId }: RunRow): CallRow[] {
    return this.#sql.calls.all(id).map((row) => toCall(executionId, row));
  }

  #toStored(run: RunRow): StoredRun {
    const { id, executionId, fingerprint, createdAt, manifestHash: hash, attempts, state } = run;
    const start = this.#sql.start.get(id)?.["start"] as Uint8Array;
    const encoded = hash && (this.#sql.manifest.get(hash)?.["encoded"] as Uint8Array | undefined);
    const record = {
      executionId,
      fingerprint,
      start,
      createdAt,
      ...(hash && encoded && { manifest: { hash, encoded } }),
    };
    return { record, calls: this.#calls(run), attempts, state };
  }

  #transaction<T>(begin: "BEGIN" | "BEGIN IMMEDIATE", work: () => T): Promise<T> {
    return this.#use(() => {
      this.#database.exec(begin);
      try {
        const result = work();
        this.#database.exec("COMMIT");
        return result;
      } catch (error) {
        try {
          this.#database.exec("ROLLBACK");
        } catch {
          // After some failures SQLite has done so by itself.
        }
        throw error;
      }
    });
  }

  /** Does `work`, at once as a rule; later while another process is in the way. */
  async #use<T>(work: () => T): Promise<T> {
    const until = performance.now() + LOCKED_MS;
    for (;;) {
      if (this.#isClosed) throw new CodemodeError("CLOSED", `Cannot use the journal ${this.#name}: it is closed`);
      try {
        return work();
      } catch (cause) {
        if (CodemodeError.is(cause)) throw cause;
        if (!isLocked(cause) || performance.now() > until) throw this.#unusable(cause);
      }
      await sleep(MAX_PAUSE_MS * Math.random()); // not in step with others who wait
    }
  }

  #unusable(cause: unknown): CodemodeError {
    const code = isLocked(cause) ? "BUSY" : "INTERNAL";
    return new CodemodeError(code, `Cannot use the journal ${this.#name}: ${whyFailed(cause)}`, { cause });
  }

  get #name(): string {
    return JSON.stringify(this.#file);
  }
}
