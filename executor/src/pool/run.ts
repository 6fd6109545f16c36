import type { RunErrorType } from "@codemode/proto/messages";
import type { Run } from "@codemode/proto/worker";
import type { Death } from "./death.ts";
import type { Excess } from "./watch.ts";
import type { Event } from "./worker-process.ts";

/** What a worker is given. */
export interface Task {
  readonly run: Run;
  /** What the program may call, encoded. Programs that may call the same have the same object. */
  readonly manifest: Uint8Array;
}

/** What a run tells the session that leased its worker. */
export type RunEvent = Extract<Event, { $case: "log" | "output" | "call" | "callCancelled" | "idle" | "done" }>;

/** Who leased the worker. Nothing is told after `done`, `over` or `died`. */
export interface RunSink {
  event(event: RunEvent): void;
  /** A limit that is kept from outside. The holder ends the run; the lease does not kill by itself. */
  over(excess: Excess): void;
  /** The worker died, and not by `kill`. */
  died(death: Death): void;
  /** Whether the run can leave its worker to others while it waits, and come back by replay. */
  readonly parkable: boolean;
  /** Of the answers that it would be given again. */
  readonly answerBytes: number;
  /** Does so. The holder releases the lease. */
  park(): void;
}

/** How a run ended: undefined is ok. */
export type RunEnd = RunErrorType | undefined;

/** How a worker comes back: fit for another run of its tenant (`ready`: already warm), or to be replaced. */
export type Return =
  | { readonly kind: "clean"; readonly ready: boolean; readonly end: RunEnd; readonly cpuMs: number }
  | { readonly kind: "spent" };
