import { MAX_TIMER_MS } from "@codemode/proto/messages";

/** What the time of a run is spent on. Held: on nothing of the program's, such as waiting for a worker. */
export type Spending = "wall" | "wait" | "held";

/** Counts the wall-clock time of one run, and apart from it the time in which only tools are awaited. */
export class RunClock {
  readonly #limits: { readonly wallMs: number; readonly waitMs: number };
  readonly #onOver: (spent: "wall" | "wait") => void;
  readonly #spent = { wall: 0, wait: 0, held: 0 };
  #on: Spending = "held";
  #since = performance.now();
  #timer: NodeJS.Timeout | undefined;

  /** `onOver` is told once per limit, when it is spent. */
  constructor(limits: { readonly wallMs: number; readonly waitMs: number }, onOver: (spent: "wall" | "wait") => void) {
    this.#limits = limits;
    this.#onOver = onOver;
  }

  get wallMs(): number {
    return this.#total("wall");
  }

  get waitMs(): number {
    return this.#total("wait");
  }

  /** Goes on counting for `what`. */
  spend(what: Spending): void {
    if (what === this.#on) return;
    this.#settle();
    this.#on = what;
    if (what === "held") return;
    const limit = what === "wall" ? this.#limits.wallMs : this.#limits.waitMs;
    this.#timer = setTimeout(() => this.#onOver(what), Math.min(Math.max(0, limit - this.#spent[what]), MAX_TIMER_MS));
  }

  /** Takes back `ms` of wall time, which will be counted again. To be called while nothing is counted. */
  giveBack(ms: number): void {
    this.#spent.wall -= ms;
  }

  /** Counts no more. */
  stop(): void {
    this.#settle();
    this.#on = "held";
  }

  #settle(): void {
    clearTimeout(this.#timer);
    const now = performance.now();
    this.#spent[this.#on] += now - this.#since;
    this.#since = now;
  }

  #total(what: "wall" | "wait"): number {
    return this.#spent[what] + (this.#on === what ? performance.now() - this.#since : 0);
  }
}
