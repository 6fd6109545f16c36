import { readFile } from "node:fs/promises";
import { Codemode, type JournalDocument } from "../codemode.ts";
import { exitCodeOfOutcome, UsageError } from "./exit-codes.ts";
import { stderrLogger } from "./print.ts";
import { onSignals, show } from "./run.ts";
import { showLog } from "./view.ts";

export interface ReplayOptions {
  readonly json?: boolean;
  readonly config?: string;
}

/** `codemode replay`: a recorded run once more, with no tool called. */
export async function replay(file: string, options: ReplayOptions): Promise<number> {
  const document = await readDocument(file);
  using interrupted = onSignals();
  await using codemode = Codemode.fromClientConfig({
    logger: stderrLogger,
    ...(options.config && { configPath: options.config }),
  });
  const isLive = !options.json || process.stderr.isTTY;
  const outcome = await codemode.replay(document, {
    signal: interrupted.signal,
    ...(isLive && { onLog: showLog }),
  });
  await show(outcome, options.json === true, isLive);
  return interrupted.exitCode ?? exitCodeOfOutcome(outcome);
}

async function readDocument(file: string): Promise<JournalDocument> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as JournalDocument; // replay() checks it
  } catch (error) {
    const why = error instanceof SyntaxError ? error.message : (error as NodeJS.ErrnoException).code;
    throw new UsageError(`Cannot read the journal "${file}" (${why})`);
  }
}
