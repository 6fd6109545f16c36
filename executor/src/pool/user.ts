import { readFileSync } from "node:fs";
import { CodemodeError } from "@codemode/proto";

const NOBODY = 65_534;
const NEEDED = 0b1110_0000n; // CAP_KILL, CAP_SETGID, CAP_SETUID

/**
 * Who workers become where the executor is root: the user and group that own nothing. Undefined where it is not root, and
 * in a user namespace that has nobody else.
 *
 * @throws CodemodeError INVALID_CONFIG when root may not do that, or could not kill them afterwards.
 */
export function workerUid(): number | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return undefined;
  if (!hasUser(readFileSync("/proc/self/uid_map", "latin1"), NOBODY)) return undefined;
  const held = /^CapEff:\s+([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "latin1"))?.[1];
  if ((BigInt(`0x${held}`) & NEEDED) === NEEDED) return NOBODY;
  const fix = "run it as another user, or give it these capabilities";
  throw new CodemodeError(
    "INVALID_CONFIG",
    `Cannot start workers: root needs SETUID, SETGID and KILL to let them run as user ${NOBODY}; ${fix}`,
  );
}

/** Whether a user namespace knows `uid`; each line of its map is `first-inside first-outside count`. */
export function hasUser(map: string, uid: number): boolean {
  return map.split("\n").some((line) => {
    const [first = 0, , count = 0] = line.trim().split(/\s+/).map(Number);
    return uid >= first && uid < first + count;
  });
}
