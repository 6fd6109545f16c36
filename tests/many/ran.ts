/** What the app tells of one run. */
export interface Ran {
  readonly attempts: number;
  /** Calls of handlers, so far, with a key that had been called before. */
  readonly repeated: number;
  /** Why it has not ended as it should. */
  readonly problem?: string;
}
