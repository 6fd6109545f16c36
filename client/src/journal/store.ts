// The journal of runs
// ==========================================================================
// What is kept of a run, so that it can go on after the app that ran it has died, with no tool called a second time.
//
//   A store owns   the runs, their calls, and the lease of each: who may write to it, and until when.
//   A run owns     what it records, and when: before anybody acts on it.
//
// Every store guarantees, whatever it is made of:
//
// J1  Atomic. A method has its whole effect or none, also when the process dies within it. Of any number of claims of a
//     run, in any number of processes, at most one owns it.
// J2  Durable. When a promise resolves, what it recorded outlives this store's object and, in a store that is more than
//     memory, the process. Each store says what more it outlives.
// J3  Fenced. Each claim that owns gets a fence: a number greater than every fence that this store has ever handed out,
//     for whatever run. A write under a fence that another claim, `release`, `resolve` or `finish` has ended changes
//     nothing and throws `FencedError`. An owner whose lease has merely run out may write until somebody takes over.
// J4  Settled calls never change; neither does what was asked by a call, and a called handler never becomes uncalled.
// J5  Repeatable. A write that is made again under its fence, unchanged, changes nothing and succeeds: one whose answer
//     was lost may be retried.
// J6  Open. A method that cannot do its work now, and may the next time, has changed nothing and throws `CodemodeError`
//     with the code `BUSY`. The owner of a run tries again for as long as its lease.
//
// Leases are counted by one wall clock: that of the machine in a store of one machine, that of the server in a database.
// A clock that jumps moves the end of leases with it. What keeps two owners apart is J3, not the clock.

/** What a run is a function of, but for its calls. */
export interface RunRecord {
  readonly executionId: string;
  /** SHA-256 over everything that must be the same when the same id is executed again. */
  readonly fingerprint: string;
  /** The encoded Start of the first attempt. Holds the program and the context's variables, never a secret. */
  readonly start: Uint8Array;
  /** The components that the Start names by their hash. Many runs have the same: a store keeps each once. */
  readonly manifest?: { readonly hash: Uint8Array; readonly encoded: Uint8Array } | undefined;
  readonly createdAt: Date;
}

/** What is known of one call. Neither the row nor its bytes change once a store has them. */
export interface CallRow {
  /** From 1, in the order in which the program made its calls. */
  readonly seq: number;
  readonly kind: "tool" | "agent" | "timer" | "next";
  /** Of the tool or agent, whose stream it is where the kind is `next`; empty for a timer. */
  readonly name: string;
  /** SHA-256 of what was asked. */
  readonly argumentsHash: Uint8Array;
  /** Settled is what is not pending. */
  readonly state: "pending" | "succeeded" | "failed" | "cancelled";
  /** True from before its handler is called: when the run is taken over, the handler may have had its effect. */
  readonly handled: boolean;
  readonly startedAt: Date;
  readonly settledAt?: Date;
  /** Place in the order in which calls settled, from 1. Absent for a cancelled call: nobody was answered. */
  readonly settleOrder?: number;
  /** The encoded CallResult. */
  readonly result?: Uint8Array;
}

/** Where a run stands. */
export type RunState =
  /** Unfinished, and the next claim owns it. */
  | { readonly kind: "free" }
  /** Somebody's, and theirs alone until `until`. When that has passed, the next claim takes the run over. */
  | { readonly kind: "owned"; readonly owner: string; readonly until: Date }
  | { readonly kind: "finished"; readonly outcome: string; readonly finishedAt: Date };

/** A run as it is recorded. */
export interface StoredRun {
  readonly record: RunRecord;
  /** By seq. */
  readonly calls: readonly CallRow[];
  /** Attempts that have been made at it, by all its owners. */
  readonly attempts: number;
  readonly state: RunState;
}

/** What came of a claim. */
export type Claim =
  /** The run is the claimer's: a new one, or one that had no owner or an owner whose lease has run out. */
  | { readonly kind: "owned"; readonly fence: number; readonly run: StoredRun }
  /** The run has ended, with this outcome. What led to it is for `load` to tell. */
  | { readonly kind: "done"; readonly outcome: string }
  /** A live owner has it. */
  | { readonly kind: "held"; readonly owner: string; readonly until: Date };

/** See the head of this file for what every method guarantees. */
export interface JournalStore extends AsyncDisposable {
  /**
   * Makes the caller the owner of a run for `leaseMs`, and records the run when it is new.
   *
   * `owner` names the claimer for people, and proves nothing: who claims a run twice under one name is held the second
   * time. The owner renews its lease well before it runs out, and finishes or releases the run.
   *
   * @throws CodemodeError `INVALID_ARGUMENT` when the id is recorded with another fingerprint.
   */
  claim(record: RunRecord, owner: string, leaseMs: number): Promise<Claim>;

  /**
   * Moves the end of the lease to `leaseMs` from now.
   *
   * @throws FencedError as J3 says. The run is no longer the caller's, and the caller stops at once.
   */
  renew(executionId: string, fence: number, leaseMs: number): Promise<void>;

  /**
   * Records that `attempts` attempts have been made at the run, the one that is about to begin included. Never fewer than
   * before.
   *
   * @throws FencedError as J3 says.
   */
  countAttempts(executionId: string, fence: number, attempts: number): Promise<void>;

  /**
   * Records a call, or how far it has come. Resolves when that is durable; what depends on it waits until then.
   *
   * @throws FencedError as J3 says.
   * @throws CodemodeError `INVALID_ARGUMENT` when it would change what J4 keeps.
   */
  put(executionId: string, fence: number, call: CallRow): Promise<void>;

  /**
   * Records how the run ended, in a text of the caller's making, and ends the lease.
   *
   * @throws FencedError as J3 says.
   */
  finish(executionId: string, fence: number, outcome: string): Promise<void>;

  /** Ends the lease without an end of the run, so that another may claim it at once. Nothing happens if it has ended. */
  release(executionId: string, fence: number): Promise<void>;

  /** What is recorded of a run. */
  load(executionId: string): Promise<StoredRun | undefined>;

  /**
   * Replaces what is known of one pending call, on the word of somebody who knows what became of it. It may say that the
   * handler was never called. Ends a lease that has run out, so that its owner cannot say otherwise later.
   *
   * @throws CodemodeError `NOT_FOUND` without such a call, `BUSY` while the run has a live owner, `INVALID_ARGUMENT` when
   * the run has finished, the call has settled or was another one, or its place in the order of settling is taken.
   */
  resolve(executionId: string, call: CallRow): Promise<void>;

  /** Forgets the runs that finished before `before`, and says how many they were. Unfinished runs stay. */
  prune(before: Date): Promise<number>;

  /** Lets go of what the store holds. Leases stay as they are. */
  [Symbol.asyncDispose](): Promise<void>;
}
