import { hide, primordials } from "@codemode/proto/values";
import type { Calls } from "./calls.ts";

const { apply, mapGet, mapSet, mapDelete } = primordials;

const MAX_DELAY = 2 ** 31 - 1; // as in every browser and in Node

/** setTimeout and its kin. A timer is a call like any other, so that its place among the answers is recorded. */
export function installTimers(global: object, calls: Calls): void {
  /** Seq of the pending call by timer id: an interval has one id and many calls. */
  const running: object = new primordials.Map();
  let lastId = 0;

  const start = (repeats: boolean, callback: unknown, delay: unknown, given: readonly unknown[]): number => {
    if (typeof callback !== "function") throw new primordials.TypeError("The callback of a timer is a function");
    const milliseconds = primordials.Number(delay);
    const wait = milliseconds >= 0 && milliseconds <= MAX_DELAY ? milliseconds : 0;
    const id = ++lastId;
    const arm = (): void => {
      const seq = calls.issue("timer", "", primordials.String(wait), { resolve: fire, reject: fire });
      mapSet(running, id, seq);
    };
    const fire = (): void => {
      if (repeats) arm();
      else mapDelete(running, id);
      try {
        apply(callback as () => void, undefined, given);
      } catch (error) {
        // Nobody's to catch, and the answers behind this one must go on: it is told as a failure that nobody awaited.
        // oxlint-disable-next-line prefer-promise-reject-errors -- it is whatever the program threw
        void new primordials.Promise((_resolve, reject) => reject(error));
      }
    };
    arm();
    return id;
  };
  const stop = (id?: unknown): void => {
    const seq = mapGet(running, id) as number | undefined;
    mapDelete(running, id);
    if (seq !== undefined) calls.cancel(seq);
  };

  hide(global, "setTimeout", (callback: unknown, delay?: unknown, ...given: unknown[]) =>
    start(false, callback, delay, given),
  );
  hide(global, "setInterval", (callback: unknown, delay?: unknown, ...given: unknown[]) =>
    start(true, callback, delay, given),
  );
  hide(global, "clearTimeout", stop);
  hide(global, "clearInterval", stop);
  hide(global, "queueMicrotask", (callback: () => void) => {
    const resolved = new primordials.Promise<void>((resolve) => resolve());
    void primordials.promiseThen(resolved, () => apply(callback, undefined, []));
  });
}
