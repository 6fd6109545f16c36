import { hash } from "node:crypto";
import type { ComponentSet } from "../registry/component-set.ts";
import type { RunRequest, RunStart } from "../run/index.ts";

/**
 * SHA-256 over all that makes a run what it is, for its program: its text and name, what it may call, what it sees and what
 * it may use. Who asks for it, and the secrets of the handlers, are no part of it.
 */
export function fingerprintOf(
  { code, fileName, components, budgets, onOversize }: RunRequest,
  start: RunStart,
): string {
  const given = Object.entries(budgets).filter(([, value]) => value !== undefined);
  const parts = [
    code,
    fileName ?? null,
    ...namesOf(components),
    start.context?.data.toString("utf8"),
    start.config?.data.toString("utf8"),
    given.toSorted(([a], [b]) => (a < b ? -1 : 1)),
    onOversize ?? null,
  ];
  return hash("sha256", JSON.stringify(parts));
}

const made = new WeakMap<ComponentSet, readonly [tools: string[], agents: string[]]>();

/** The names of `set`, sorted once. */
function namesOf(set: ComponentSet): readonly [tools: string[], agents: string[]] {
  const known = made.get(set);
  if (known) return known;
  const names = [[...set.tools.keys()].toSorted(), [...set.agents.keys()].toSorted()] as const;
  made.set(set, names);
  return names;
}
