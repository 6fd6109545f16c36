import { type Environment, nearest } from "@codemode/proto/settings";
import type { Given } from "./given.ts";
import { CONFIG_VARIABLE, names, variableOf } from "./settings.ts";

/** Variables with our prefix that are a client's: of where its executor is, and how it starts one. */
const OF_CLIENTS = ["MODE", "URL", "IMAGE", "CONTAINER", "START_TIMEOUT_MS", "CONNECT_TIMEOUT_MS"];
const PREFIX = "CODEMODE_EXECUTOR_";

/** Reads `CODEMODE_EXECUTOR_*`. An empty variable counts as absent, as in compose files. */
export function readEnvironment(env: Environment): readonly Given[] {
  return names.flatMap((name) => {
    const variable = variableOf(name);
    const written = env[variable];
    return written ? [{ name, written, source: variable, label: variable, isShown: true }] : [];
  });
}

/** A line for each variable that is set and means nothing to anybody. */
export function unknownVariables(env: Environment): string[] {
  const known = [CONFIG_VARIABLE, ...names.map(variableOf), ...OF_CLIENTS.map((name) => PREFIX + name)];
  return Object.keys(env)
    .filter((name) => name.startsWith(PREFIX) && !known.includes(name))
    .map((name) => {
      const guess = nearest(name, known);
      return `${name}: unknown variable, ${guess ? `did you mean ${guess}?` : "it changes nothing"}`;
    });
}
