/** The file is no journal that can be used. The message says why, and what to do. */
export class Unusable extends Error {}

const OUTSIDE = "restore it from a backup, or move it away to begin a new one";

// The primary result codes of SQLite, https://sqlite.org/rescode.html; the extended ones have them in their low byte.
const LOCKED = 5;
const NO_RIGHT = "give this process the right to read and write the file and its folder";
const reasons: Readonly<Record<number, string>> = {
  [LOCKED]: "another process keeps it locked; look which has it open",
  8: `it may only be read; ${NO_RIGHT}`,
  10: "its disk has failed to read or write",
  11: `it is damaged; ${OUTSIDE}`,
  13: "its disk is full",
  14: `it cannot be opened; ${NO_RIGHT}`,
  26: `it is no SQLite database; name another file, or move this one away`,
};

/** Why a step on the file has failed, for people. */
export function whyFailed(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (syscall !== undefined) return `it cannot be opened (${code}); ${NO_RIGHT}`;
  return reasons[primaryCode(error)] ?? error.message;
}

/** True when another process was in the way, and may be gone the next time. */
export function isLocked(error: unknown): boolean {
  return primaryCode(error) === LOCKED;
}

/** A row that no version of ours has written. */
export function damaged(what: string): Unusable {
  return new Unusable(`${what}: another program has changed the file; ${OUTSIDE}`);
}

function primaryCode(error: unknown): number {
  const { errcode } = error as { errcode?: unknown };
  return typeof errcode === "number" ? errcode & 0xff : -1;
}
