import type { ChildProcess } from "node:child_process";
import type { Duplex } from "node:stream";
import { partsOfResult, readLargeCall, type Shape, survey } from "@codemode/proto/messages";
import { type Run, WorkerEvent, WorkerRequest } from "@codemode/proto/worker";
import { frame, FrameReader } from "./frames.ts";
import { passed } from "./garbage.ts";
import type { Gauge } from "./probe.ts";

/** One event of a worker. */
export type Event = NonNullable<WorkerEvent["event"]>;
/** One request to a worker. */
export type Request = NonNullable<WorkerRequest["request"]>;

/** Who listens to a worker: the pool, or the lease that it is lent by. */
export interface WorkerSink {
  event(event: Event): void;
  /** The process is gone and everything it wrote has been delivered. */
  died(): void;
}

const flat: Shape = {};
const output: Shape = { 2: flat, 3: flat };
const done: Shape = { 1: flat, 2: flat, 3: flat };
/** What is inside a WorkerEvent. */
export const workerEvent: Shape = {
  1: flat,
  2: flat,
  3: { 4: flat },
  4: flat,
  5: flat,
  6: done,
  7: flat,
  8: output,
};

const STDERR_CHARS = 4096; // V8's last words fit; a flood does not
const MAX_STDERR_BYTES = 65_536; // nothing of ours writes as much in a worker's life, and to read it costs the edge its time

/**
 * One worker process and its channel. Ends by SIGKILL only: `process.exit()` in a worker may hang or fault.
 * What the process writes is not trusted: a frame that is oversize, malformed or of too many fields kills it, and so does
 * a flood on its stderr.
 */
export class WorkerProcess {
  readonly startedAt: number = performance.now();
  readonly exited: Promise<void>;
  readonly gauge: Gauge;
  /** Whose programs it has run. Undefined while it is fresh. */
  tenant: string | undefined;
  runs = 0;
  sink: WorkerSink | undefined;

  readonly #child: ChildProcess;
  readonly #channel: Duplex | undefined;
  readonly #frames = new FrameReader();
  /** The last that it was given: it keeps it, for programs that may call the same. */
  #manifest: Uint8Array = new Uint8Array();
  #stderr = "";
  #stderrBytes = 0;
  #gone = false;

  constructor(child: ChildProcess, gauge: Gauge) {
    this.#child = child;
    this.gauge = gauge;
    this.#channel = (child.stdio[3] ?? undefined) as Duplex | undefined;
    const exit = Promise.withResolvers<void>();
    this.exited = exit.promise;
    void this.exited.then(() => gauge[Symbol.dispose]());
    child.once("exit", () => {
      this.#gone = true;
      this.#channel?.resume(); // what it still wrote, then "close"
      exit.resolve();
    });
    child.once("close", () => this.sink?.died());
    child.once("error", (error) => {
      this.#stderr += error.message;
      if (child.pid !== undefined) return; // a failed kill; "exit" comes
      this.#gone = true;
      exit.resolve();
      queueMicrotask(() => this.sink?.died());
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(0, STDERR_CHARS);
      this.#stderrBytes += Buffer.byteLength(text);
      if (this.#stderrBytes > MAX_STDERR_BYTES) this.kill();
    });
    this.#channel?.on("data", (chunk: Buffer) => this.#read(chunk));
    this.#channel?.on("error", () => this.kill()); // EPIPE: it is dying, and "exit" tells
  }

  get pid(): number {
    return this.gauge.pid;
  }

  /** The first of what it wrote to stderr. */
  get stderr(): string {
    return this.#stderr;
  }

  /** The signal that ended it, when one did. */
  get signal(): NodeJS.Signals | null {
    return this.#child.signalCode;
  }

  begin(run: Run, manifest: Uint8Array): void {
    const isSame = manifest === this.#manifest || (manifest.length === 0 && this.#manifest.length === 0);
    this.#channel?.cork(); // it is woken up once
    if (!isSame) this.send({ $case: "manifest", value: Buffer.from(manifest) });
    this.#manifest = manifest;
    this.send({ $case: "run", value: run });
    this.#channel?.uncork();
  }

  /** False when the channel is full; `onDrain` tells when it is not, or when the process is gone and takes nothing. */
  send(request: Request): boolean {
    if (this.#gone || !this.#channel?.writable) return true; // "died" is on its way
    const large = request.$case === "settle" ? partsOfResult(request.value) : undefined;
    if (!large) return this.#channel.write(frame(WorkerRequest.encode({ request }).finish()));
    const { head, payload } = large;
    this.#channel.cork(); // one system call
    this.#channel.write(frame(head, payload));
    const hasRoom = this.#channel.write(payload);
    this.#channel.uncork();
    return hasRoom;
  }

  onDrain(listener: () => void): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#channel?.once("drain", resolve);
    void Promise.race([promise, this.exited]).then(listener);
  }

  /** Stops reading, so that the program waits where it writes. */
  pause(): void {
    if (!this.#gone) this.#channel?.pause();
  }

  resume(): void {
    this.#channel?.resume();
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  #read(chunk: Buffer): void {
    passed(chunk.length);
    try {
      for (const body of this.#frames.push(chunk)) {
        this.sink?.event(decode(body));
      }
    } catch (error) {
      this.#stderr = `${error instanceof Error ? error.message : String(error)}\n${this.#stderr}`;
      this.#channel?.removeAllListeners("data").resume();
      this.kill();
    }
  }
}

function decode(body: Buffer): Event {
  survey(body, workerEvent);
  const large = readLargeCall(body);
  const { event } = large ? { event: { $case: "call", value: large } as const } : WorkerEvent.decode(body);
  if (!event) throw new TypeError("Frame without an event");
  return event;
}
