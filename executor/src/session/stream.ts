import type { CodemodeError } from "@codemode/proto";
import type { ClientMessage, ExecutorMessage } from "@codemode/proto/messages";
import type { Lease } from "../pool/lease.ts";
import type { Errand } from "../pool/line.ts";
import type { BudgetCeilings } from "./budgets.ts";
import type { Holding } from "./holdings.ts";
import type { Keep } from "./keep.ts";
import type { KnownManifests } from "./manifests.ts";
import type { CallReport, Report } from "./report.ts";

/** One message to the app. */
export type Outgoing = NonNullable<ExecutorMessage["event"]>;

type Said = NonNullable<ClientMessage["event"]>;
/** One message of the app; of a batch, each answer by itself. Undefined for one that says nothing. */
export type Incoming = Exclude<Said, { $case: "callResultBatch" }> | undefined;

/** An Execute call, as far as a session uses it. */
export interface RunStream {
  /** False when the peer reads too slowly; `onRoom` tells when it has caught up. */
  write(event: Outgoing): boolean;
  onRoom(listener: () => void): void;
  /** Stops and goes on reading what the peer sends. */
  pause(): void;
  resume(): void;
  /** Ends the stream: OK, or with the status of `error`. Once. */
  end(error?: CodemodeError): void;
}

/** What a session needs of the world. */
export interface SessionHost {
  readonly executorId: string;
  /** What all sessions together keep to replay from. */
  readonly keep: Keep;
  /** What its run holds; given back at the end of the session. */
  readonly holding: Holding;
  /** What its caller has sent before. */
  readonly manifests: KnownManifests;
  /** What its caller's runs may ask for at most, where that is not what anybody's may. */
  readonly ceilings: BudgetCeilings;
  lend(errand: Errand, signal: AbortSignal): Promise<Lease>;
  /** Told once per call that the app was asked for, when it is over. */
  called(call: CallReport): void;
  /** Told once per session: sizes and kinds, never contents. */
  ended(report: Report): void;
}
