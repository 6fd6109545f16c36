import { CodemodeError, FencedError } from "../errors.ts";
import type { CallRow, RunRecord, RunState } from "./store.ts";

// What every store refuses, in the same words.

/** The right to write to a run, as it is recorded. */
export interface Ownership {
  readonly fence: number;
  readonly state: RunState;
}

/** Throws when an id that is recorded stands for something else now. */
export function checkSame(recorded: Pick<RunRecord, "fingerprint">, { executionId, fingerprint }: RunRecord): void {
  if (recorded.fingerprint === fingerprint) return;
  throw invalid(
    `Cannot execute ${quote(executionId)}: this id is recorded for another run (its program, context, tools or budgets ` +
      `were others); execute the same again, or choose a new id`,
  );
}

/** Throws unless `fence` is that of the run's owner. */
export function checkOwned(
  action: string,
  executionId: string,
  run: Ownership | undefined,
  fence: number,
): asserts run is Ownership {
  const lost = whyLost(run, fence);
  if (lost !== undefined) throw new FencedError(`Cannot ${action} ${quote(executionId)}: ${lost}`);
}

/** True when a run has ended just as it is to end now (J5). */
export function isFinishedSo(run: Ownership | undefined, fence: number, outcome: string): boolean {
  return run?.fence === fence && run.state.kind === "finished" && run.state.outcome === outcome;
}

/** Throws when `next` may not take the place of `before` (J4). */
export function checkPut(executionId: string, before: CallRow, next: CallRow): void {
  const refuse = (why: string) => invalid(`Cannot record call ${next.seq} of ${quote(executionId)}: ${why}`);
  if (!isSameQuestion(before, next)) throw refuse(`it is recorded as another call, of ${nameOf(before)}`);
  if (before.state !== "pending" && !isSameAnswer(before, next)) throw refuse(`it has settled (${before.state})`);
  if (before.handled && !next.handled) throw refuse("its handler is recorded as called");
}

/** Throws when nobody may tell what became of `call` in this run. */
export function checkResolve(
  executionId: string,
  run: { readonly state: RunState; readonly calls: readonly CallRow[] } | undefined,
  call: CallRow,
): void {
  const cannot = `Cannot resolve call ${call.seq} of ${quote(executionId)}`;
  if (!run) throw new CodemodeError("NOT_FOUND", `${cannot}: the run is not recorded`);
  if (run.state.kind === "finished") throw invalid(`${cannot}: the run has finished`);
  if (isLive(run.state)) {
    const { owner, until } = run.state;
    throw new CodemodeError("BUSY", `${cannot}: ${quote(owner)} owns the run until ${until.toISOString()} at least`);
  }
  const before = run.calls.find(({ seq }) => seq === call.seq);
  if (!before) throw new CodemodeError("NOT_FOUND", `${cannot}: the run has made no such call`);
  if (!isSameQuestion(before, call)) throw invalid(`${cannot}: it is recorded as another call, of ${nameOf(before)}`);
  if (before.state !== "pending") throw invalid(`${cannot}: it has settled (${before.state})`);
  const taken = run.calls.find(({ settleOrder }) => settleOrder !== undefined && settleOrder === call.settleOrder);
  if (taken) throw invalid(`${cannot}: call ${taken.seq} was the one to settle as number ${taken.settleOrder}`);
}

/** True while nobody else may take the run. */
export function isLive(state: RunState): state is RunState & { kind: "owned" } {
  return state.kind === "owned" && state.until.getTime() > Date.now();
}

function whyLost(run: Ownership | undefined, fence: number): string | undefined {
  if (!run) return "the run is not recorded";
  switch (run.state.kind) {
    case "free":
      return "its lease was ended";
    case "finished":
      return "the run has finished";
    case "owned":
      return run.fence === fence ? undefined : `${quote(run.state.owner)} has taken the run over`;
  }
}

function isSameQuestion(one: CallRow, other: CallRow): boolean {
  return one.kind === other.kind && one.name === other.name && isSameBytes(one.argumentsHash, other.argumentsHash);
}

function isSameAnswer(one: CallRow, other: CallRow): boolean {
  return (
    one.state === other.state &&
    one.handled === other.handled &&
    one.settleOrder === other.settleOrder &&
    one.settledAt?.getTime() === other.settledAt?.getTime() &&
    isSameBytes(one.result, other.result)
  );
}

function isSameBytes(one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  return one && other ? Buffer.compare(one, other) === 0 : one === other;
}

function nameOf({ kind, name }: CallRow): string {
  return kind === "timer" ? "a timer" : `the ${kind} ${quote(name)}`;
}

function invalid(message: string): CodemodeError {
  return new CodemodeError("INVALID_ARGUMENT", message);
}

function quote(text: string): string {
  return JSON.stringify(text);
}
