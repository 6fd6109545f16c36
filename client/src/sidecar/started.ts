import { CodemodeError } from "@codemode/proto";
import type { Endpoint, ExecutorSource } from "./source.ts";

/** An executor that somebody has started, and can end. */
export interface StartedExecutor {
  readonly endpoint: Endpoint;
  /** False when it is known to be gone. */
  readonly alive: boolean;
  /** Why it is gone, where it has said so: another one would fare no better now. */
  readonly refusal?: Error | undefined;
  /** Resolves when it is gone, or after `ms`. */
  exitsWithin(ms: number): Promise<void>;
  /** Ends it, when it is this process's to end, and waits until it is gone. */
  close(): Promise<void>;
}

const DYING_MS = 1_000; // a killed executor is seen to be dead much sooner, even on a busy machine

/** Starts an executor when first asked for one, and anew when that has died. Owns what it has started. */
export class StartedSource implements ExecutorSource {
  readonly #begin: () => Promise<StartedExecutor>;
  #executor: Promise<StartedExecutor> | undefined;
  /** Ends of executors that others have replaced. */
  readonly #leaving = new Set<Promise<void>>();
  #closed = false;

  constructor(start: () => Promise<StartedExecutor>) {
    this.#begin = start;
  }

  async endpoints(failed?: Endpoint): Promise<readonly [Endpoint]> {
    if (this.#closed) throw new CodemodeError("CLOSED", "Cannot start an executor: the client is closed");
    const executor = (this.#executor ??= this.#start());
    const running = await executor;
    if (running.alive && running.endpoint === failed) await running.exitsWithin(DYING_MS);
    if (running.alive && running.endpoint !== failed) return [running.endpoint];
    if (this.#executor === executor) this.#replace(running); // else another caller was first
    if (running.refusal) throw running.refusal;
    return this.endpoints(); // that it failed has been seen to
  }

  async close(): Promise<void> {
    this.#closed = true;
    const executor = await this.#executor?.catch(() => undefined);
    await Promise.all([executor?.close(), ...this.#leaving]);
  }

  /** One that refuses to serve and does not die is shutting down, or stuck: whoever is still there goes on in the next. */
  #replace(running: StartedExecutor): void {
    this.#executor = undefined;
    const left = running.close().finally(() => this.#leaving.delete(left));
    this.#leaving.add(left);
  }

  async #start(): Promise<StartedExecutor> {
    try {
      return await this.#begin();
    } catch (error) {
      this.#executor = undefined; // the next run may find a better day
      throw error;
    }
  }
}
