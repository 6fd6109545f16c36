import { readFileSync } from "node:fs";
import ivm from "isolated-vm";
import type { AnswerKind } from "../guest/host.ts";

/** The one function that guest code can reach the worker by; every argument is a primitive. */
export type Receive = (kind: string, ...values: (string | number | boolean)[]) => void;

// Each worker makes its own: a snapshot from outside would be trusted with the heap of every isolate.
const snapshot = ivm.Isolate.createSnapshot([
  { code: readFileSync(new URL("guest.js", import.meta.url), "utf8"), filename: "codemode:guest" },
]);

/** One isolate with the guest harness in it, for one run. */
export class Isolate {
  readonly #isolate: ivm.Isolate;
  readonly #start: ivm.Reference;
  readonly #settle: ivm.Reference;

  constructor(heapMib: number, receive: Receive) {
    this.#isolate = new ivm.Isolate({ snapshot, memoryLimit: heapMib });
    const { global } = this.#isolate.createContextSync();
    const boot = global.getSync("codemodeBoot", { reference: true });
    global.setSync("codemodeSend", new ivm.Callback(receive));
    boot.applySync(undefined, []);
    this.#start = global.getSync("codemodeStart", { reference: true });
    this.#settle = global.getSync("codemodeSettle", { reference: true });
    boot.applySync(undefined, []);
    boot.release();
  }

  start(source: string, settings: string, context: string, config: string): void {
    this.#enter(this.#start, [source, settings, context, config]);
  }

  settle(seq: number, kind: AnswerKind, text: string, clock: number): void {
    this.#enter(this.#settle, [seq, kind, text, clock]);
  }

  /** Out of memory: V8 or isolated-vm has ended it. Its error texts can be forged by a program; this cannot. */
  get isDead(): boolean {
    return this.#isolate.isDisposed;
  }

  /** Bytes on the heap and in buffers. */
  get heapBytes(): number {
    if (this.isDead) return 0;
    const { used_heap_size, externally_allocated_size } = this.#isolate.getHeapStatisticsSync();
    return used_heap_size + externally_allocated_size;
  }

  dispose(): void {
    if (!this.isDead) this.#isolate.dispose();
  }

  #enter(entry: ivm.Reference, values: (string | number | boolean)[]): void {
    try {
      // Synchronous, and without a time-out of its own: the edge watches this process and ends it from outside.
      entry.applySync(undefined, values);
    } catch {
      // An unhandled rejection surfaces here with a text of the program's choice. It says nothing that can be believed.
    }
  }
}
