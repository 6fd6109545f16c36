// Pool
// ==========================================================================
// Keeps `size` worker processes warm and lends each to one session at a time.
//
//   Pool owns      spawning, lending, recycling and replacing workers.
//   Lease owns     one run on one worker, until the worker is back or dead.
//   Session owns   what runs on a lent worker, and for how long.
//
// P1  A worker is lent to at most one session; the lease is the proof.
// P2  A worker runs the programs of one tenant of one account only.
// P3  A worker that missed a deadline or spoke out of turn is killed, never asked to recover.
// P4  A worker goes back only after it has reported clean.
// P5  While somebody waits in the line, runs that only wait do not keep their workers.
// P6  No account's runs take the workers that another's share is made of.
// P7  A worker that dies is replaced at once; only those that die before they are ready are waited for.
// P8  Where each run has a process of its own, the next one starts while it runs: up to `size` more are there then.
import type { ChildProcess } from "node:child_process";
import { CodemodeError } from "@codemode/proto";
import { Lease } from "./lease.ts";
import { FairShare, KEEP_MS } from "./fair-share.ts";
import { type Applicant, Line, type LineLimits, type Waiter } from "./line.ts";
import type { Probe } from "./probe.ts";
import { isComing, type Member } from "./member.ts";
import type { Account } from "./quota.ts";
import { mayRunAgain } from "./recycling.ts";
import type { Return } from "./run.ts";
import { Watch } from "./watch.ts";
import { WorkerProcess } from "./worker-process.ts";

/** What a run has for itself: an isolate, in a worker that runs other programs of its tenant after it, or the process. */
export type Isolation = "isolate" | "process";

export interface PoolOptions extends LineLimits {
  /** Workers that may be lent at a time. */
  readonly size: number;
  readonly isolation: Isolation;
  readonly launch: () => ChildProcess;
  readonly probe: Probe;
  /** Told of what workers said of which none could start. It names paths of this machine. */
  readonly failed?: (said: string) => void;
}

const READY_WITHIN_MS = 10_000; // 70 ms on an idle machine; a busy one gets time
const HEAD_START_MS = 50; // of the first worker: the others would take the CPU that the first run and who starts us wait for
const FAILURES_TO_GIVE_UP = 3;
const RESIDENCE = 3; // times what a run costs to come back, before it is parked again: it must get further than it was
const FREE_RETURN_MS = 20; // a run that costs less to come back may be parked at once
const BACK_OFF_MS = { first: 100, max: 10_000 } as const;

export class Pool implements AsyncDisposable {
  readonly #options: PoolOptions;
  readonly #watch: Watch;
  readonly #share: FairShare;
  readonly #line: Line;
  readonly #members = new Set<Member>();
  readonly #spawns = new Set<NodeJS.Timeout>();
  readonly #firstReady = Promise.withResolvers<void>();
  #begun = false;
  #failures = 0;
  #roomTimer: NodeJS.Timeout | undefined;
  #shareTimer: NodeJS.Timeout | undefined;
  #broken: CodemodeError | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#watch = new Watch(options.probe);
    this.#share = new FairShare(options.size);
    this.#line = new Line(this.#share, options);
    this.#firstReady.promise.catch(() => {}); // told by start(), if anybody asks
  }

  /**
   * Resolves when the first worker is ready. @throws CodemodeError when none can start, with what it said.
   */
  async start(): Promise<void> {
    if (this.#broken) throw this.#broken;
    this.#spawn();
    for (let i = 1; i < this.#options.size; i++) this.#spawnIn(HEAD_START_MS);
    await this.#firstReady.promise;
  }

  get size(): number {
    return this.#options.size;
  }

  /** Workers that are lent now. */
  get lent(): number {
    return [...this.#members].filter((member) => member.state.kind === "lent").length;
  }

  /** Workers that wait for a run. */
  get idle(): number {
    return [...this.#members].filter((member) => member.state.kind === "idle").length;
  }

  /** How many workers are in each state. */
  get census(): Readonly<Record<Member["state"]["kind"], number>> {
    const census = { warming: 0, idle: 0, lent: 0, dying: 0 };
    for (const { state } of this.#members) census[state.kind] += 1;
    return census;
  }

  /** False until a worker was ready, and while there is none and the last ones that were started died before they were. */
  get isAble(): boolean {
    if (this.#broken || !this.#begun) return false;
    return this.#failures === 0 || [...this.#members].some((member) => member.wasReady);
  }

  /** Process ids of all workers, for what watches from outside. */
  get pids(): number[] {
    return [...this.#members].map((member) => member.worker.pid);
  }

  /**
   * Lends a worker: one that has run for the same tenant, else a fresh one, else the place of another tenant's.
   *
   * @throws BusyError when the line is full or takes too long; the signal's reason when it aborts first.
   */
  lend(applicant: Applicant, signal: AbortSignal): Promise<Lease> {
    if (this.#broken) return Promise.reject(this.#broken);
    if (signal.aborted) return Promise.reject(signal.reason as Error);
    const waiter = this.#line.join(applicant, signal);
    this.#dispatch();
    this.#line.seat(waiter, this.#options.size);
    return waiter.served;
  }

  /** Kills every worker, synchronously: for an end that waits for nothing. */
  kill(): void {
    this.#broken ??= new CodemodeError("CLOSED", "Cannot lend a worker: the pool is closed");
    for (const timer of this.#spawns) clearTimeout(timer);
    clearTimeout(this.#roomTimer);
    clearTimeout(this.#shareTimer);
    this.#firstReady.reject(this.#broken);
    this.#line.refuse(this.#broken);
    for (const member of this.#members) this.#retire(member);
  }

  /** Kills every worker and resolves when all are gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    const exits = [...this.#members].map((member) => member.worker.exited);
    this.kill();
    await Promise.all(exits);
  }

  #spawnIn(ms: number): void {
    const timer = setTimeout(() => {
      this.#spawns.delete(timer);
      this.#spawn();
    }, ms);
    this.#spawns.add(timer);
  }

  #spawn(): void {
    const child = this.#options.launch();
    const worker = new WorkerProcess(child, this.#options.probe.gauge(child.pid ?? 0));
    const member: Member = { worker, state: { kind: "dying" }, wasReady: false, isReplaced: false };
    this.#members.add(member);
    this.#warm(member);
    void worker.exited.then(() => this.#bury(member));
  }

  /** Takes a worker that has an isolate to prepare, also one that comes back from a lease. */
  #warm(member: Member): void {
    const due = setTimeout(() => this.#retire(member), READY_WITHIN_MS);
    member.state = { kind: "warming", due };
    member.worker.sink = {
      event: (event) =>
        event.$case === "ready" && member.state.kind === "warming" ? this.#ready(member) : this.#retire(member),
      died: () => {}, // `exited` tells as well
    };
  }

  #ready(member: Member): void {
    if (member.state.kind === "warming") clearTimeout(member.state.due);
    member.state = { kind: "idle" };
    member.wasReady = true;
    this.#begun = true;
    this.#failures = 0;
    if (this.#broken?.code === "UNREACHABLE") this.#broken = undefined;
    this.#firstReady.resolve();
    this.#dispatch();
  }

  /** Kills a worker; its burial replaces it. */
  #retire(member: Member): void {
    if (member.state.kind === "warming") clearTimeout(member.state.due);
    if (member.state.kind !== "lent") member.state = { kind: "dying" };
    member.worker.kill();
  }

  #bury(member: Member): void {
    if (member.state.kind === "warming") clearTimeout(member.state.due);
    this.#members.delete(member);
    if (this.#broken?.code === "CLOSED" || member.isReplaced) return;
    if (member.wasReady) return this.#spawn();
    this.#failures += 1;
    if (this.#failures >= FAILURES_TO_GIVE_UP && ![...this.#members].some((other) => other.wasReady)) {
      const said = member.worker.stderr.trim() || `signal ${member.worker.signal}`;
      this.#firstReady.reject(new CodemodeError("UNREACHABLE", `Cannot start a worker process: ${said}`));
      if (!this.#broken) this.#options.failed?.(said);
      this.#broken = new CodemodeError("UNREACHABLE", "Cannot start a worker process");
      this.#line.refuse(this.#broken);
    }
    this.#spawnIn(Math.min(BACK_OFF_MS.max, BACK_OFF_MS.first * 2 ** (this.#failures - 1)));
  }

  #dispatch(): void {
    clearTimeout(this.#roomTimer);
    clearTimeout(this.#shareTimer);
    if (this.#line.isEmpty) return;
    const free = this.size - this.lent; // of the workers that are here, and to come, no more can be lent (P8)
    let idle = Math.min(free, this.idle);
    /** Workers on their way, less those that somebody earlier in the line waits for. */
    let coming = Math.min(free - idle, [...this.#members].filter((member) => isComing(member)).length);
    const held = this.#held();
    const hold = ({ id }: Account): unknown => held.set(id, (held.get(id) ?? 0) + 1);
    const passed: Waiter[] = [];
    /** Accounts that must leave what is left to others (P6). */
    const closed = new Set<Account>();
    for (const waiter of this.#line.inTurn(closed)) {
      if (idle === 0 && coming === 0 && passed.length >= this.size) break; // nothing is left to give: thousands may wait
      const { account } = waiter;
      if (!this.#share.mayTake(account, held)) {
        closed.add(account);
        passed.push(waiter);
        continue;
      }
      const member = idle > 0 ? (this.#idle(tenantOf(waiter)) ?? this.#idle(undefined)) : undefined;
      if (member) {
        for (const earlier of passed) if (earlier.account === account) earlier.passedOver += 1;
        idle -= 1;
        hold(account);
        this.#line.remove(waiter);
        waiter.resolve(this.#lend(member, waiter));
      } else if (coming > 0) {
        coming -= 1;
        hold(account);
      } else {
        // Only workers of other tenants are here: one makes room (P2), at once when nobody else can use it.
        const other = idle > 0 ? this.#others(waiter) : undefined; // none is the rule while many wait
        if (other) {
          idle -= 1;
          hold(account);
          this.#retire(other);
        } else passed.push(waiter);
      }
    }
    this.#makeRoom(passed, closed);
    if (closed.size > 0) this.#shareTimer = setTimeout(() => this.#dispatch(), KEEP_MS); // shares lapse
  }

  /** How many workers each account has, by its id. */
  #held(): Map<string, number> {
    const held = new Map<string, number>();
    for (const { state } of this.#members) {
      if (state.kind === "lent") held.set(state.account.id, (held.get(state.account.id) ?? 0) + 1);
    }
    return held;
  }

  /**
   * Asks runs that only wait to leave their workers to `waiters`. To come back they must do all over again what they
   * have done, so one that has done much is asked only when somebody has waited for as long as that took, and when it has
   * got further since it came back: else a run of many calls would do nothing but come back. Waiters of `closed` accounts
   * can only have what their own account has.
   */
  #makeRoom(waiters: readonly Waiter[], closed: ReadonlySet<Account>): void {
    const leaving = [...this.#members].filter(({ state }) => state.kind === "lent" && state.lease.isLeaving).length;
    const [longest, ...others] = waiters.slice(leaving);
    if (!longest) return;
    const waitedMs = performance.now() - longest.since;
    const isOpen = waiters.some(({ account }) => !closed.has(account));
    const parkable = [...this.#members]
      .flatMap(({ state }) => (state.kind === "lent" && (isOpen || closed.has(state.account)) ? [state.lease] : []))
      .filter((lease) => lease.parkable)
      .map((lease) => ({ lease, costMs: lease.returnMs }))
      .map(({ lease, costMs }) => {
        const dueMs = Math.max(0, costMs - FREE_RETURN_MS - waitedMs, RESIDENCE * costMs - lease.residentMs);
        return { lease, costMs, dueMs };
      })
      .toSorted((a, b) => a.dueMs - b.dueMs || a.costMs - b.costMs);
    for (const { lease, dueMs } of parkable.slice(0, 1 + others.length)) {
      if (dueMs === 0) lease.park();
      else {
        this.#roomTimer = setTimeout(() => this.#dispatch(), dueMs);
        return;
      }
    }
  }

  #idle(tenant: string | undefined): Member | undefined {
    return [...this.#members].find(({ state, worker }) => state.kind === "idle" && worker.tenant === tenant);
  }

  /**
   * An idle worker of another tenant that `waiter` may have the place of: of its own account when that has one, else of the
   * one that has most, so that no account takes what another has warm by naming ever new tenants.
   */
  #others(waiter: Waiter): Member | undefined {
    const idle = [...this.#members].filter(({ state }) => state.kind === "idle");
    const byAccount = Map.groupBy(idle, ({ worker }) => worker.tenant?.split("/", 1)[0]);
    const [most] = [...byAccount.values()].toSorted((a, b) => b.length - a.length);
    const from = byAccount.get(waiter.account.id) ?? most ?? [];
    const wanted = new Set(waiter.passedOver < this.size ? [...this.#line.of(waiter.account)].map(tenantOf) : []);
    return from.find(({ worker }) => !wanted.has(worker.tenant ?? ""));
  }

  #lend(member: Member, waiter: Waiter): Lease {
    const { account } = waiter;
    member.worker.tenant = tenantOf(waiter);
    const ends = this.#share.begins(account);
    const lease: Lease = new Lease(member.worker, this.#watch, {
      back: (how) => {
        ends(lease.used().cpuMs);
        this.#takeBack(member, how);
      },
      waits: () => this.#dispatch(),
    });
    member.state = { kind: "lent", lease, account };
    if (this.#options.isolation === "process") {
      member.isReplaced = true;
      this.#spawn();
    }
    return lease;
  }

  #takeBack(member: Member, how: Return): void {
    member.state = { kind: "dying" };
    const { worker } = member;
    if (member.isReplaced) {
      worker.kill();
      return this.#dispatch();
    }
    if (how.kind === "spent" || this.#broken?.code === "CLOSED") return worker.kill();
    const ageMs = performance.now() - worker.startedAt;
    if (!mayRunAgain(how.end, { runs: worker.runs, ageMs, cpuMs: how.cpuMs })) return worker.kill();
    this.#warm(member);
    if (how.ready) this.#ready(member);
  }
}

/** Tells the tenants of all accounts apart: an id has no slash. */
function tenantOf({ account, tenant }: Applicant): string {
  return `${account.id}/${tenant}`;
}
