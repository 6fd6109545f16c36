import { readdirSync, readFileSync } from "node:fs";
import { type Sample, systemProbe } from "../executor/src/pool/probe.ts";

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

function processes(): Process[] {
  const found: Process[] = [];
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      const [state = "Z", parent = "0"] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (state === "Z") continue;
      const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ");
      found.push({ pid: Number(name), parent: Number(parent), command });
    } catch {
      // It ended while we looked.
    }
  }
  return found;
}

/** Living processes below `pid`, at any depth. */
export function processesBelow(pid: number): Process[] {
  const all = processes();
  const below = (parent: number): Process[] =>
    all.flatMap((one) => (one.parent === parent ? [one, ...below(one.pid)] : []));
  return below(pid);
}

/** Living worker processes below `pid`. */
export function workersBelow(pid: number): Process[] {
  return processesBelow(pid).filter(({ command }) => /worker\.c?js/.test(command));
}

/** What a process has used so far; undefined when it is gone. */
export function usedBy(pid: number): Sample | undefined {
  using gauge = systemProbe().gauge(pid);
  return gauge.sample();
}

/** Resolves when none of `pids` lives any more; a caller's own time-out bounds it. */
export async function gone(pids: readonly number[]): Promise<void> {
  while (processes().some(({ pid }) => pids.includes(pid))) await new Promise((resolve) => setImmediate(resolve));
}

/** Resolves when this process has `count` workers below it; a caller's own time-out bounds it. */
export async function workersBecome(count: number): Promise<void> {
  while (workersBelow(process.pid).length !== count) await new Promise((resolve) => setImmediate(resolve));
}

/** How many descriptors `pid` has open. */
export function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Resident memory of `pid`, in MiB. */
export function residentMibOf(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1];
  return Math.round(Number(kib) / 1024);
}
