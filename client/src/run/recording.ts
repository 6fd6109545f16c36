import type { CallRow } from "../journal/index.ts";
import type { RunStart } from "./start.ts";

/** What a run is, and was before: what an app before us has recorded, and where it is recorded from now on. */
export interface Recording {
  readonly start: RunStart;
  /** The components that `start` names by their hash, encoded. Absent: those of the request. */
  readonly manifest?: Uint8Array | undefined;
  readonly calls: readonly CallRow[];
  /** Attempts that have been made at it. */
  readonly attempts: number;
  /** Records a call. Rejects when it could not, or when the run is no longer ours; so does `countAttempts`. */
  readonly put: (row: CallRow) => Promise<void>;
  /** Records how many attempts there are, before the last of them begins. */
  readonly countAttempts: (attempts: number) => Promise<void>;
  /** A record could not be made, or the run is no longer ours. It has been stopped. Told once. */
  readonly onFailure: (error: unknown) => void;
  /** True when the recorded calls are all there are: no handler is called, no timer started. */
  readonly isReplay?: boolean;
}

/** Of a run that is new, and of which nothing is kept. */
export function unrecorded(start: RunStart): Recording {
  const nothing = () => Promise.resolve();
  return { start, calls: [], attempts: 0, put: nothing, countAttempts: nothing, onFailure() {} };
}
