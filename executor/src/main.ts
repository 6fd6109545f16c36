// Composition root of the executor process: configuration, signals, the lifeline, exit codes.
import { rmdirSync, unlinkSync } from "node:fs";
import { dirname } from "node:path";
import { CodemodeError } from "@codemode/proto";
import { asTable, type Explained } from "@codemode/proto/settings";
import { soleKey } from "./config/api-key.ts";
import { readArguments } from "./config/arguments.ts";
import { type ExecutorConfig, loadConfig } from "./config/config.ts";
import { parseSecret } from "./config/secret.ts";
import { Lifeline } from "./edge/lifeline.ts";
import { type Executor, startExecutor } from "./executor.ts";
import { closeInherited } from "./pool/descriptors.ts";
import { logger } from "./log.ts";
import type { Pool } from "./pool/pool.ts";

const EXIT = { ok: 0, failed: 1, badConfig: 78 } as const;

let pool: Pool | undefined;
let lifeline: Lifeline | undefined;
/** Where it listens, once that is known. */
let listen: ExecutorConfig["listen"] | undefined;
let exitCode: number = EXIT.ok;

/** Takes the workers along and waits for nothing. */
function exit(code: number): never {
  pool?.kill();
  process.exit(code);
}

async function main(): Promise<void> {
  const argv = process.argv.slice(2);
  const { lifeline: fd, printConfig } = readArguments(argv);
  if (fd !== undefined) lifeline = new Lifeline(fd, parentIsGone); // first: the parent is to hear what is wrong with the rest
  const { config: given, explained, warnings } = await loadConfig(argv, process.env);
  if (printConfig) return print(explained, warnings);
  closeInherited(fd);
  ({ listen } = given);
  const config = await withParentsKey(given);
  const log = logger(config.logLevel);
  for (const warning of warnings) log.warn({}, warning);
  let executor: Executor | undefined;
  let signals = 0;
  const onSignal = async (signal: NodeJS.Signals): Promise<void> => {
    signals += 1;
    if (signals > 1 || !executor) exit(EXIT.ok);
    log.info({ signal, drainTimeoutMs: config.drainTimeoutMs }, "draining");
    await executor.drain(config.drainTimeoutMs);
    await executor[Symbol.asyncDispose]();
    exit(EXIT.ok);
  };
  process.on("SIGTERM", onSignal);
  // Without a listener Node opens its debugger, on a port of this machine: a worker of our user could take us over by it.
  process.on("SIGUSR1", () => {});
  // A terminal's Ctrl-C reaches the parent as well, and that one decides what it means for us.
  process.on("SIGINT", lifeline ? () => {} : onSignal);
  // A parent hears also later that no worker can start; others find out by our end before we have taken anything from them.
  const onUnable = lifeline && ((error: CodemodeError): void => void fail(error));
  executor = await startExecutor(config, log, { onPool: (started) => (pool = started), ...(onUnable && { onUnable }) });
  const { address, executorId } = executor;
  if (lifeline) await lifeline.tell({ listening: address, executorId });
  else process.stderr.write(`Codemode executor ${executorId} listens on ${address}\n`);
}

function print(explained: readonly Explained[], warnings: readonly string[]): void {
  for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
  process.stdout.write(`${asTable(explained).join("\n")}\n`);
}

async function withParentsKey(config: ExecutorConfig): Promise<ExecutorConfig> {
  if (!lifeline) return config;
  const key = await lifeline.apiKey();
  return key === undefined ? config : { ...config, apiKeys: [soleKey(parseSecret(key, "--lifeline"))] };
}

function parentIsGone(): never {
  if (listen?.kind === "unix") removeSocket(listen.path);
  exit(exitCode);
}

/** A parent that was killed cannot clear away the folder that it made for our socket. */
function removeSocket(path: string): void {
  try {
    unlinkSync(path);
    rmdirSync(dirname(path)); // never more than an empty folder
  } catch {
    // The parent has done it, or keeps other things there.
  }
}

async function fail(error: unknown): Promise<never> {
  const message = error instanceof Error ? error.message : String(error);
  exitCode = CodemodeError.is(error) && error.code === "INVALID_CONFIG" ? EXIT.badConfig : EXIT.failed;
  process.stderr.write(`Cannot start the executor: ${message}\n`);
  await lifeline?.refuse(message);
  exit(exitCode);
}

// A fault of ours must not leave workers behind, nor go on as if nothing had happened.
process.on("uncaughtException", (error) => {
  process.stderr.write(`The executor ends because of a fault of its own: ${error.stack ?? error.message}\n`);
  exit(EXIT.failed);
});

void main().catch(fail);
