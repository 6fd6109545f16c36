import type { HostileCase } from "./case.ts";
import { calls } from "./cases/calls.ts";
import { escape } from "./cases/escape.ts";
import { loops } from "./cases/loops.ts";
import { memory } from "./cases/memory.ts";
import { poison } from "./cases/poison.ts";
import { syntax } from "./cases/syntax.ts";
import { values } from "./cases/values.ts";
import { contract } from "./contract.ts";

/** Memory takes its time to fill. */
const FILLING = { budgets: { cpuMs: 8_000 } };

/** Every program that is known to hurt those who run the code of strangers, by id, and what must come of it here. */
export const catalogue: ReadonlyMap<string, HostileCase> = new Map(
  Object.entries({ ...syntax, ...loops, ...memory, ...values, ...poison, ...escape, ...calls }).map(
    ([id, hostile]) => [id, { ...(id in memory && FILLING), ...hostile, ...contract[id] }] as const,
  ),
);
