import { stripVTControlCharacters } from "node:util";
import type { Logger } from "../logger.ts";

/** Writes to stdout and waits until it is out, so that an exit right after loses nothing. */
export function print(text: string): Promise<void> {
  return write(process.stdout, process.stdout.isTTY ? printable(text) : text);
}

/** Writes a line for people to stderr. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** What the client tells, from `observability.logLevel` on, a line each. */
export const stderrLogger: Logger = {
  debug: (_, message) => note(printable(`debug: ${message}`)),
  info: (_, message) => note(printable(`info: ${message}`)),
  warn: (_, message) => note(printable(`warning: ${message}`)),
  error: () => {}, // the command tells what failed, once
};

/** Waits until everything that was noted is out. */
export function notesWritten(): Promise<void> {
  return write(process.stderr, "");
}

/** Text that cannot command a terminal: what a program prints is not trusted. Line breaks and tabs stay. */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what is taken out
  return stripVTControlCharacters(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "");
}

function write(stream: NodeJS.WriteStream, text: string): Promise<void> {
  // An error means that nobody reads any more (`| head`): not ours to complain about.
  return new Promise((resolve) => void stream.write(text, () => resolve()));
}
