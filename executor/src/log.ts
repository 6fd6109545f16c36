import { hostname } from "node:os";
import type { Writable } from "node:stream";
import type { ExecutorConfig } from "./config/config.ts";
import type { Log } from "./executor.ts";

const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
const MAX_WAITING_BYTES = 1024 * 1024; // lines that a reader who lags behind may find

/**
 * Writes a line of JSON to stderr for each event of `least` and above. It has the ids of its run, and none of what the run is about.
 * Runs do not wait for who reads the lines: what is too many for a reader that lags behind, or stands still, is dropped, and a line
 * says how many were.
 */
export function logger(least: ExecutorConfig["logLevel"], to = (): Writable => process.stderr): Log {
  const host = hostname();
  let stream: Writable | undefined;
  let dropped = 0;
  const write = (level: "info" | "warn", fields: object, msg: string | undefined): void => {
    stream ??= to().on("error", () => {}); // nobody reads any more: that is not worth our end
    if (stream.writableLength > MAX_WAITING_BYTES) {
      dropped += 1;
      return;
    }
    const line = (more: object): string =>
      `${JSON.stringify({ level, time: new Date().toISOString(), pid: process.pid, hostname: host, ...more })}\n`;
    if (dropped > 0) stream.write(line({ dropped, msg: "lines were dropped: they were not read in time" }));
    dropped = 0;
    stream.write(line({ ...fields, msg }));
  };
  const at = (level: "info" | "warn"): Log["info"] =>
    LEVELS.indexOf(level) < LEVELS.indexOf(least) ? () => {} : (fields, msg) => write(level, fields, msg);
  return { info: at("info"), warn: at("warn") };
}
