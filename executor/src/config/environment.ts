import { type Environment, nearest } from "@codemode/proto/settings";
import type { Given } from "./given.ts";
import { CONFIG_VARIABLE, names, PREFIX, variableOf } from "./settings.ts";

/** Variables with our prefix that are a client's: of where its executor is, and how it starts one. One is of docker-compose.yml. */
const OF_OTHERS = new Set([
  "PORT",
  "MODE",
  "URL",
  "ALLOW_INSECURE_KEY",
  "IMAGE",
  "CONTAINER",
  "START_TIMEOUT_MS",
  "CONNECT_TIMEOUT_MS",
]);

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
  const ours = [CONFIG_VARIABLE, ...names.map(variableOf)].map((variable) => variable.slice(PREFIX.length));
  return Object.keys(env)
    .filter((variable) => variable.startsWith(PREFIX))
    .map((variable) => variable.slice(PREFIX.length))
    .filter((name) => !ours.includes(name) && !OF_OTHERS.has(name))
    .map((name) => {
      const guess = nearest(name, ours);
      return `${PREFIX}${name}: unknown variable, ${guess ? `did you mean ${PREFIX}${guess}?` : "it changes nothing"}`;
    });
}
