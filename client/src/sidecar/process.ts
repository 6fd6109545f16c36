import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setImmediate } from "node:timers/promises";
import { ExecutorConnectionError, ExecutorTimeoutError } from "../errors.ts";
import type { Endpoint } from "./source.ts";
import type { StartedExecutor } from "./started.ts";

const KILL_AFTER_MS = 2_000; // the executor ends at once when its lifeline does; slower is stuck
const MAX_SOCKET_PATH = 100; // 104 on macOS, 108 on Linux
const MAX_TAIL = 2_000; // characters of its log that an error may quote

/** How to start an executor. */
export interface ProcessOptions {
  /** The file to run. */
  readonly main: string;
  readonly startTimeoutMs: number;
  readonly workers: number | undefined;
  readonly isolation: string;
  readonly jit: boolean;
  readonly logLevel: string;
  /** Gets each line of its log. */
  readonly onLog: (line: string) => void;
}

/**
 * One executor as a child process, on a socket that only this user can open, with a key that only this process knows.
 *
 * It dies when its lifeline does: at `close()`, or with this process, however that ends.
 */
export class ExecutorProcess implements StartedExecutor {
  readonly endpoint: Endpoint;
  readonly #child: ChildProcess;
  readonly #lifeline: Socket;
  readonly #directory: string;
  readonly #exited: Promise<unknown>;
  #tail = "";
  #refusal: Error | undefined;

  private constructor(options: ProcessOptions) {
    this.#directory = makeDirectory();
    const url = `unix:${join(this.#directory, "executor.sock")}`;
    this.endpoint = Object.freeze({ url, apiKey: randomBytes(24).toString("base64url") });
    this.#child = spawn(process.execPath, [options.main, "--listen", url, "--lifeline", "3"], {
      env: environmentFor(options),
      stdio: ["ignore", "ignore", "pipe", "pipe"],
    });
    this.#lifeline = this.#child.stdio[3] as Socket;
    this.#lifeline.on("error", () => {}); // EPIPE of a child that is gone; its exit says more
    this.#exited = once(this.#child, "exit")
      .then(() => this.#lastWords())
      .catch(() => {}) // it never started
      .then(() => this.#clean());
    process.once("exit", this.#removeDirectory);
    createInterface({ input: this.#child.stderr as Socket }).on("line", (line) => {
      this.#tail = `${this.#tail}${line}\n`.slice(-MAX_TAIL);
      options.onLog(line);
    });
  }

  /** Resolves when it listens: runs that come before it has a worker wait there. */
  static async start(options: ProcessOptions): Promise<ExecutorProcess> {
    const started = new ExecutorProcess(options);
    try {
      await started.#listening(options.startTimeoutMs);
      return started;
    } catch (error) {
      await started.close();
      throw error;
    }
  }

  get alive(): boolean {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get refusal(): Error | undefined {
    return this.#refusal;
  }

  /** Resolves when it is gone, or after `ms`. */
  async exitsWithin(ms: number): Promise<void> {
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, ms);
    await Promise.race([this.#exited, late.promise]);
    clearTimeout(timer);
  }

  /** Ends the process and waits until it is gone. */
  async close(): Promise<void> {
    this.#lifeline.destroy();
    if (this.alive) this.#child.ref();
    const kill = setTimeout(() => this.#child.kill("SIGKILL"), KILL_AFTER_MS);
    await this.#exited;
    clearTimeout(kill);
  }

  async #listening(timeoutMs: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const fail = (why: string) => {
      const tail = this.#tail.trim();
      this.#refusal = new ExecutorConnectionError(`Cannot start the embedded executor: ${why}${tail && `\n${tail}`}`);
      reject(this.#refusal);
    };
    const timer = setTimeout(
      () => reject(new ExecutorTimeoutError(`The embedded executor did not start within ${timeoutMs} ms`)),
      timeoutMs,
    );
    this.#child.once("error", (error) => fail(error.message));
    const ended = (code: number | null, signal: NodeJS.Signals | null) =>
      fail(`it ended with ${signal ?? `exit code ${code}`}`);
    this.#child.once("close", ended); // after its stderr
    const lines = createInterface({ input: this.#lifeline }).on("error", () => {}); // readline tells of it again
    // Also later it may have to tell that no worker can start.
    lines.on("line", (line) => {
      const error = errorIn(line);
      if (error === undefined) resolve();
      else fail(error);
    });
    this.#lifeline.write(`${JSON.stringify({ apiKey: this.endpoint.apiKey })}\n`);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#child.off("close", ended); // whoever has started may die, and be replaced
    }
    // An app that forgets close() can still end: the lifeline breaks with it, and the executor ends too.
    this.#child.unref();
    this.#lifeline.unref();
    (this.#child.stderr as Socket).unref();
  }

  /** What it has said on its lifeline may come after its exit. */
  async #lastWords(): Promise<void> {
    if (!this.#lifeline.closed) await once(this.#lifeline, "close");
  }

  async #clean(): Promise<void> {
    this.#lifeline.destroy();
    this.#child.stderr?.destroy(); // a process that it left behind may hold the other end
    this.#removeDirectory();
    await setImmediate(); // handles close in the turn after
  }

  readonly #removeDirectory = (): void => {
    process.off("exit", this.#removeDirectory);
    rmSync(this.#directory, { recursive: true, force: true });
  };
}

function environmentFor({ workers, isolation, jit, logLevel }: ProcessOptions): NodeJS.ProcessEnv {
  const { PATH, TMPDIR } = process.env;
  return {
    ...(PATH !== undefined && { PATH }),
    ...(TMPDIR !== undefined && { TMPDIR }),
    ...(workers !== undefined && { CODEMODE_EXECUTOR_WORKERS: String(workers) }),
    CODEMODE_EXECUTOR_ISOLATION: isolation,
    CODEMODE_EXECUTOR_JIT: String(jit),
    CODEMODE_EXECUTOR_LOG_LEVEL: logLevel,
    CODEMODE_EXECUTOR_REFLECTION: "false", // for tools, which have no way in; it is dear to load
  };
}

function makeDirectory(): string {
  const base = join(tmpdir(), "codemode-");
  const fits = base.length + "XXXXXX/executor.sock".length <= MAX_SOCKET_PATH;
  return mkdtempSync(fits ? base : "/tmp/codemode-"); // mkdtemp makes it 0700
}

function errorIn(line: string): string | undefined {
  try {
    const { listening, error } = JSON.parse(line) as { listening?: unknown; error?: unknown };
    if (typeof listening === "string") return undefined;
    return typeof error === "string" ? error : "it did not say where it listens";
  } catch {
    return "it did not say where it listens";
  }
}
