import { closeSync, readdirSync, readFileSync } from "node:fs";

const STDERR = 2;
const CLOSE_ON_EXEC = 0o2000000;

/**
 * Closes what this process was started with beyond its standard streams and `kept`, on systems that can tell. Node keeps
 * its own descriptors from the processes that it starts, but not those that it has inherited itself.
 */
export function closeInherited(kept: number | undefined): void {
  for (const name of numbersIn("/proc/self/fdinfo")) {
    const fd = Number(name);
    if (fd <= STDERR || fd === kept || !isInherited(fd)) continue;
    closeSync(fd);
  }
}

function numbersIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // no /proc
  }
}

function isInherited(fd: number): boolean {
  try {
    const flags = /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "latin1"))?.[1] ?? "";
    return (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) === 0;
  } catch {
    return false; // the one by which the folder was read
  }
}
