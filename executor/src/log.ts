import { writeSync } from "node:fs";
import { hostname } from "node:os";
import type { ExecutorConfig } from "./config/config.ts";
import type { Log } from "./executor.ts";

const STDERR = 2;
const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
const FULL_MS = 10; // until a reader of stderr that lags behind is tried again

/**
 * Writes a line of JSON to stderr for each event of `least` and above, before the next thing happens. It has the ids of its run,
 * and none of what the run is about.
 */
export function logger(least: ExecutorConfig["logLevel"]): Log {
  const at = (level: "info" | "warn"): Log["info"] => {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(least)) return () => {};
    const host = hostname();
    return (fields, msg) => {
      const line = { level, time: new Date().toISOString(), pid: process.pid, hostname: host, ...fields, msg };
      writeAll(Buffer.from(`${JSON.stringify(line)}\n`));
    };
  };
  return { info: at("info"), warn: at("warn") };
}

/** A pipe takes what it has room for; one that nobody reads any more takes nothing, and is not worth our end. */
function writeAll(bytes: Buffer): void {
  for (let rest = bytes; rest.length > 0;) {
    try {
      rest = rest.subarray(writeSync(STDERR, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_MS);
    }
  }
}
