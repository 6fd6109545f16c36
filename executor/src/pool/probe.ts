import { execFile } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, readSync } from "node:fs";
import { promisify } from "node:util";

/** What a process has used so far. */
export interface Sample {
  readonly cpuMs: number;
  readonly residentBytes: number;
}

/** Looks at one process from outside. */
export interface Gauge extends Disposable {
  readonly pid: number;
  /** Undefined when the process is gone, or was not looked at yet. */
  sample(): Sample | undefined;
}

/** Looks at processes from outside. */
export interface Probe {
  /** How often a look is worth its cost. */
  readonly everyMs: number;
  /** Gets samples of `pids` ready, where one look costs too much to be done for each. */
  refresh?(pids: readonly number[]): Promise<void>;
  /** For a process that lives. Whoever asks disposes it. */
  gauge(pid: number): Gauge;
}

/** The way of this system. */
export function systemProbe(): Probe {
  return existsSync("/proc/self/stat") ? procProbe : new PsProbe();
}

/** What /proc counts CPU time in: USER_HZ is 100 on every Linux that Node runs on. */
export const CPU_TICK_MS = 10;
const PAGE_BYTES = pageBytes();

/** By /proc: some 20 µs a look. */
export const procProbe: Probe = {
  everyMs: 10,
  gauge: (pid) => new ProcGauge(pid),
};

/** Two files that stay open: to open them takes several times as long as to read them. A later process of this id is not in them. */
class ProcGauge implements Gauge {
  readonly pid: number;
  #stat: number | undefined;
  #statm: number | undefined;

  constructor(pid: number) {
    this.pid = pid;
    this.#stat = opened(`/proc/${pid}/stat`);
    this.#statm = opened(`/proc/${pid}/statm`);
  }

  sample(): Sample | undefined {
    try {
      const stat = textOf(this.#stat);
      // The name in parentheses may hold anything; what follows the last one is utime 12th and stime 13th.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ", 13);
      const resident = textOf(this.#statm).split(" ", 2)[1];
      return {
        cpuMs: (Number(fields[11]) + Number(fields[12])) * CPU_TICK_MS,
        residentBytes: Number(resident) * PAGE_BYTES,
      };
    } catch {
      return undefined;
    }
  }

  [Symbol.dispose](): void {
    for (const file of [this.#stat, this.#statm]) if (file !== undefined) closeSync(file);
    this.#stat = this.#statm = undefined; // or else the next file that is opened would be read
  }
}

function opened(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch {
    return undefined; // gone already
  }
}

const room = Buffer.alloc(1024); // both are far shorter

function textOf(file: number | undefined): string {
  if (file === undefined) throw new Error("No such process");
  return room.toString("latin1", 0, readSync(file, room, 0, room.length, 0));
}

/** Kernels differ (4, 16, 64 KiB); the two numbers of our own size tell. */
function pageBytes(): number {
  try {
    const kib = /^VmSize:\s+(\d+) kB/m.exec(readFileSync("/proc/self/status", "latin1"))?.[1];
    const pages = Number(readFileSync("/proc/self/statm", "latin1").split(" ")[0]);
    const measured = (Number(kib) * 1024) / pages;
    return 2 ** Math.round(Math.log2(measured)) || 4096;
  } catch {
    return 4096;
  }
}

const run = promisify(execFile);

/** By ps(1), where there is no /proc: one look for all processes. */
export class PsProbe implements Probe {
  readonly everyMs = 100;
  #seen = new Map<number, Sample>();

  async refresh(pids: readonly number[]): Promise<void> {
    const { stdout } = await run("ps", ["-o", "pid=,time=,rss=", "-p", pids.join(",")]).catch(() => ({ stdout: "" }));
    this.#seen = new Map(stdout.split("\n").flatMap(parsePsLine));
  }

  gauge(pid: number): Gauge {
    return { pid, sample: () => this.#seen.get(pid), [Symbol.dispose]: () => {} };
  }
}

/** `  4711   0:01.52  35812`; the time is [[dd-]hh:]mm:ss[.cc]. */
export function parsePsLine(line: string): [number, Sample][] {
  const match = /^\s*(\d+)\s+(?:(\d+)-)?([\d:.]+)\s+(\d+)\s*$/.exec(line);
  if (!match) return [];
  const [, pid, days, clock = "", kib] = match;
  const seconds = clock.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
  const cpuMs = (Number(days ?? 0) * 86_400 + seconds) * 1000;
  return [[Number(pid), { cpuMs, residentBytes: Number(kib) * 1024 }]];
}
