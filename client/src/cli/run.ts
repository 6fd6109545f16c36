import { readFile, writeFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { Codemode, type JournalDocument } from "../codemode.ts";
import { ComponentRegistry } from "../registry/index.ts";
import type { Outcome } from "../run/outcome.ts";
import { exitCodeOfOutcome, exitCodeOfSignal, UsageError } from "./exit-codes.ts";
import { print, stderrLogger } from "./print.ts";
import { loadTools } from "./tools-module.ts";
import { outputText, showCall, showLog, showOutcome } from "./view.ts";

export interface RunOptions {
  readonly tools?: string;
  readonly context?: readonly string[];
  /** Milliseconds. */
  readonly timeout?: number;
  readonly json?: boolean;
  readonly config?: string;
  /** A file to write the journal of the run to. */
  readonly journal?: string;
}

/** `codemode run`: one program, its result on stdout and everything else on stderr. */
export async function run(file: string | undefined, options: RunOptions): Promise<number> {
  const { path, variables } = arrange(file, options.context ?? []);
  const registry = options.tools ? await loadTools(options.tools, process.cwd()) : new ComponentRegistry();
  const code = await readProgram(path);

  using interrupted = onSignals();
  await using codemode = Codemode.fromClientConfig({
    registry,
    logger: stderrLogger,
    ...(options.config && { configPath: options.config }),
  });
  const isLive = !options.json || process.stderr.isTTY;
  const outcome = await codemode.withContext(variables).execute(code, {
    signal: interrupted.signal,
    // Whoever waits at a terminal does not ask what the time is spent on.
    ...(options.timeout !== undefined && { timeoutMs: options.timeout, budgets: { maxWaitMs: options.timeout } }),
    ...(isLive && { onLog: showLog, onCall: showCall }),
  });
  if (options.journal) await writeJournal(options.journal, await codemode.journal(outcome.executionId));
  await show(outcome, options.json === true, isLive);
  return interrupted.exitCode ?? exitCodeOfOutcome(outcome);
}

async function writeJournal(path: string, journal: JournalDocument): Promise<void> {
  try {
    await writeFile(path, `${JSON.stringify(journal, undefined, 2)}\n`, { mode: 0o600 });
  } catch (error) {
    throw new UsageError(`Cannot write the journal "${path}" (${(error as NodeJS.ErrnoException).code})`);
  }
}

/** The outcome, on stdout and stderr. */
export async function show(outcome: Outcome, asJson: boolean, isLive: boolean): Promise<void> {
  if (isLive) showOutcome(outcome);
  const document = outcome.toJSON();
  if (asJson) return print(`${JSON.stringify(document, undefined, 2)}\n`);
  for (const item of outcome.outputs) await print(`${outputText(item)}\n`);
  if (outcome.status !== "ok" || outcome.value === undefined) return;
  const { value } = document;
  await print(`${typeof value === "string" ? value : JSON.stringify(value, undefined, 2)}\n`);
}

async function readProgram(path: string): Promise<string> {
  if (path === "-") return text(process.stdin);
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new UsageError(`Cannot read "${path}" (${(error as NodeJS.ErrnoException).code})`);
  }
}

/** `--context a=1 b=2 main.js`: the file, written last, looks like one more value of the option. */
function arrange(
  file: string | undefined,
  context: readonly string[],
): { path: string; variables: Record<string, string> } {
  const isPair = (text: string): boolean => text.indexOf("=") > 0;
  const strays = context.filter((text) => !isPair(text));
  const path = file ?? strays.shift();
  if (strays.length > 0) throw new UsageError(`--context ${JSON.stringify(strays[0])}: expected key=value`);
  if (path === undefined) throw new UsageError("Missing the program: a file, or - for stdin");
  return { path, variables: Object.fromEntries(context.filter(isPair).map(splitPair)) };
}

function splitPair(pair: string): [key: string, value: string] {
  const at = pair.indexOf("=");
  return [pair.slice(0, at), pair.slice(at + 1)];
}

/** The first signal cancels the run, so that its evidence is still shown; the second ends the process. */
export function onSignals(): Disposable & { readonly signal: AbortSignal; readonly exitCode: number | undefined } {
  const controller = new AbortController();
  let exitCode: number | undefined;
  const cancel = (signal: NodeJS.Signals): void => {
    if (exitCode !== undefined) process.exit(exitCode);
    exitCode = exitCodeOfSignal(signal);
    controller.abort(new Error(`The command was interrupted (${signal})`));
  };
  process.on("SIGINT", cancel).on("SIGTERM", cancel);
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode;
    },
    [Symbol.dispose]: () => void process.off("SIGINT", cancel).off("SIGTERM", cancel),
  };
}
