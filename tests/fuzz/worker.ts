import { Call, CallCancelled, Log, Output } from "@codemode/proto/messages";
import { Done, WorkerEvent } from "@codemode/proto/worker";
import { frame } from "../../executor/src/pool/frames.ts";
import type { Event } from "../../executor/src/pool/worker-process.ts";
import { Dice } from "../chaos/dice.ts";
import { says } from "../drill/hostile.ts";
import { mutate, randomBytes } from "./mutate.ts";

const nothing = new Uint8Array();
const EVENTS: readonly Event[] = [
  { $case: "ready", value: {} },
  { $case: "log", value: { ...Log.decode(nothing), text: "a line" } },
  { $case: "output", value: { ...Output.decode(nothing), item: { $case: "text", value: "shown" } } },
  { $case: "call", value: { ...Call.decode(nothing), seq: 1, kind: 1, name: "ask" } },
  { $case: "callCancelled", value: { ...CallCancelled.decode(nothing), seq: 1 } },
  { $case: "idle", value: { entries: 1, open: 1 } },
  { $case: "done", value: Done.decode(nothing) },
  { $case: "clean", value: {} },
];
const MESSAGES = EVENTS.map((event) => Buffer.from(WorkerEvent.encode({ event }).finish()));

/** A program that writes some frames, most of them wrong, to the channel of its worker, and ends. */
export function hostileProgram(seed: number): string {
  const dice = new Dice(seed);
  return says(...dice.times(1, 10, () => wrongFrame(dice)));
}

function wrongFrame(dice: Dice): Buffer {
  const message = dice.one(MESSAGES);
  switch (dice.below(8)) {
    case 0:
      return frame(message);
    case 1:
      return mutate(frame(message), dice); // its length may lie as well
    case 2:
      return randomBytes(dice.below(64), dice);
    default:
      return frame(mutate(message, dice));
  }
}
