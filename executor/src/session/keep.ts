const MIB = 1024 * 1024;

export interface KeepLimits {
  /** Answers of all runs together that are kept; over it they are let go. */
  readonly answerBytes: number;
  /** Answers of one run that are kept; more is the app's to tell again. */
  readonly answerBytesOfRun: number;
  /** Answers that a run may have and be run again: they are in memory at once when its program is given them. */
  readonly replayBytes: number;
  /** What is remembered of the calls of all runs. Over it no run begins and no journal comes in. */
  readonly bytes: number;
  /** What all runs have brought: their programs and components (Holdings). */
  readonly programBytes: number;
}

const LIMITS: KeepLimits = {
  answerBytes: 128 * MIB,
  answerBytesOfRun: 4 * MIB,
  replayBytes: 64 * MIB,
  bytes: 512 * MIB,
  programBytes: 256 * MIB, // 64 KiB for each run that an executor of 4 workers takes
};

/** What all sessions together remember of their runs, in bytes. */
export class Keep {
  readonly limits: KeepLimits;
  /** Answers, to run programs again with. */
  answerBytes = 0;
  /** What is known of calls, which is never let go while their run is open. */
  callBytes = 0;
  /** Journals of which not all pieces are here. */
  arrivingBytes = 0;

  constructor(limits: Partial<KeepLimits> = {}) {
    this.limits = { ...LIMITS, ...limits };
  }

  get bytes(): number {
    return this.answerBytes + this.callBytes + this.arrivingBytes;
  }

  get isFull(): boolean {
    return this.bytes > this.limits.bytes;
  }
}
