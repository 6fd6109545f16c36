import { readFileSync } from "node:fs";
import { type Environment, nearest } from "@codemode/proto/settings";
import { emptyReading, type Reading, typed } from "./entries.ts";
import { type Key, keys } from "./schema.ts";

/** Variables under our prefix that are no keys of the client. */
const OTHERS = [
  "CODEMODE_CONFIG",
  "CODEMODE_MCP_API_KEY",
  "CODEMODE_MCP_API_KEY_FILE",
  "CODEMODE_EXECUTOR_CONFIG",
  "CODEMODE_EXECUTOR_LISTEN",
  "CODEMODE_EXECUTOR_ADMIN_LISTEN",
  "CODEMODE_EXECUTOR_API_KEYS_FILE",
  "CODEMODE_EXECUTOR_QUEUE",
  "CODEMODE_EXECUTOR_QUEUE_TIMEOUT_MS",
  "CODEMODE_EXECUTOR_REFLECTION",
  "CODEMODE_EXECUTOR_LOG_LEVEL",
  "CODEMODE_EXECUTOR_DRAIN_TIMEOUT_MS",
  "CODEMODE_EXECUTOR_CONNECTION_MAX_AGE_MS",
  "CODEMODE_EXECUTOR_CONNECTION_MAX_IDLE_MS",
  "CODEMODE_EXECUTOR_PORT", // of docker-compose.yml
  "CODEMODE_EXECUTOR_TLS_CERT_FILE",
  "CODEMODE_EXECUTOR_TLS_KEY_FILE",
  "CODEMODE_EXECUTOR_TLS_CLIENT_CA_FILE",
];

/** Reads `CODEMODE_*`. An empty variable counts as absent, as in compose files. */
export function readEnvironment(env: Environment): Reading {
  const reading = emptyReading();
  const known = new Set(OTHERS);
  for (const key of keys.values()) {
    known.add(key.variable);
    if (key.isSecret) known.add(`${key.variable}_FILE`);
    readVariable(key, env, reading);
  }
  for (const name of Object.keys(env)) {
    if (!name.startsWith("CODEMODE_") || known.has(name)) continue;
    const guess = nearest(name, known);
    reading.warnings.push(`${name}: unknown variable, ${guess ? `did you mean ${guess}?` : "it changes nothing"}`);
  }
  return reading;
}

function readVariable(key: Key, env: Environment, reading: Reading): void {
  const { variable } = key;
  const text = env[variable];
  const file = key.isSecret ? env[`${variable}_FILE`] : undefined;
  if (text && file) {
    reading.problems.push(`${variable}: ${variable}_FILE is set as well; keep one of them`);
  } else if (text) {
    reading.entries.push({ key, value: typed(key, text), source: variable, label: variable });
  } else if (file) {
    readSecretFile(key, file, reading);
  }
}

function readSecretFile(key: Key, file: string, reading: Reading): void {
  const source = `${key.variable}_FILE`;
  try {
    const value = readFileSync(file, "utf8").replace(/\r?\n$/, ""); // editors and `echo` end files with a newline
    if (value) reading.entries.push({ key, value, source, label: source });
    else reading.problems.push(`${source}: ${JSON.stringify(file)} is empty`);
  } catch (error) {
    reading.problems.push(`${source}: cannot read ${JSON.stringify(file)} (${(error as NodeJS.ErrnoException).code})`);
  }
}
