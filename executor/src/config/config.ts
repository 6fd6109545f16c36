import { readFileSync } from "node:fs";
import { CodemodeError } from "@codemode/proto";
import type { CertificateFiles } from "@codemode/proto/certificates";
import type { Environment, Explained } from "@codemode/proto/settings";
import { type Address, formatAddress, isPrivate, type TcpAddress } from "./address.ts";
import { type ApiKey, soleKey } from "./api-key.ts";
import { type Arguments, readArguments } from "./arguments.ts";
import { readConfigFile } from "./config-file.ts";
import { readEnvironment, unknownVariables } from "./environment.ts";
import { type Given, refusal } from "./given.ts";
import { parseSecret } from "./secret.ts";
import { CONFIG_VARIABLE, KEYS, type Name, names, settings, type Values, variableOf } from "./settings.ts";
import { tlsFiles } from "./tls.ts";
import type { YamlFile } from "./yaml-file.ts";

/** Everything an executor can be told, checked. */
export interface ExecutorConfig {
  readonly listen: Address;
  /** Where those who look after it ask; nowhere when undefined. */
  readonly adminListen: TcpAddress | undefined;
  /** What callers must present as `authorization: Bearer <key>`, one of them; none when nobody is asked for a key. */
  readonly apiKeys: readonly ApiKey[];
  /** What to present to clients, and with `ca` whose certificates to ask of them; clear text when absent. */
  readonly tls: CertificateFiles | undefined;
  /** Worker processes: runs at a time. */
  readonly workers: number;
  /** Runs that may wait for a worker. */
  readonly queue: number;
  /** How long one may wait for its first worker. */
  readonly queueTimeoutMs: number;
  /** Whether a run has a worker process for itself, or only the isolate in it. */
  readonly isolation: "isolate" | "process";
  readonly jit: boolean;
  readonly reflection: boolean;
  readonly logLevel: "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";
  /** How long open runs may go on after SIGTERM. */
  readonly drainTimeoutMs: number;
  /** How old a connection may get before its client is asked for a new one. */
  readonly connectionMaxAgeMs: number;
  /** How long a connection may have no call on it. */
  readonly connectionMaxIdleMs: number;
}

export interface LoadedConfig {
  readonly config: ExecutorConfig;
  /** Every setting with its source, secrets masked. */
  readonly explained: readonly Explained[];
  /** One line each: what is set and changes nothing. */
  readonly warnings: readonly string[];
}

/**
 * Reads arguments over YAML over environment over defaults, setting by setting. What reads files is loaded when there is one:
 * most executors are started without, and the library for YAML alone takes as long to load as Node.
 *
 * @throws CodemodeError INVALID_CONFIG with one line for each problem, which names the place.
 */
export async function loadConfig(argv: readonly string[], env: Environment): Promise<LoadedConfig> {
  const args = readArguments(argv);
  const yaml = await openFile(args, env);
  const file = yaml ? readConfigFile(yaml) : { given: [], problems: [] };
  const winners = new Map<Name, Given>();
  for (const given of [...readEnvironment(env), ...file.given, ...givenBy(args)]) winners.set(given.name, given);
  const values = valuesOf(winners, file.problems);
  const { apiKey, apiKeyFile, apiKeysFile, tlsCertFile, tlsKeyFile, tlsClientCaFile, ...others } = values;
  const apiKeys = await apiKeysOf({ apiKey, apiKeyFile, apiKeysFile }, winners, yaml, env);
  const named = (name: Name, path: string | undefined) =>
    path === undefined ? undefined : { name: winners.get(name)?.label ?? variableOf(name), path };
  const tls = tlsFiles({
    listen: values.listen,
    cert: named("tlsCertFile", tlsCertFile),
    key: named("tlsKeyFile", tlsKeyFile),
    clientCa: named("tlsClientCaFile", tlsClientCaFile),
  });
  return {
    config: { ...others, apiKeys, tls },
    explained: [...names.map((name) => explain(name, values, winners)), ...explainKeys(apiKeys, yaml)],
    warnings: unknownVariables(env),
  };
}

/** Refuses to be open to a network without a key. */
export function requireKey(config: ExecutorConfig): void {
  if (config.apiKeys.length > 0 || isPrivate(config.listen)) return;
  const variables = KEY_SOURCES.map(variableOf);
  const fix = `set ${variables.slice(0, 2).join(", ")} or ${variables[2]}, or listen on 127.0.0.1 or a unix: socket`;
  throw new CodemodeError("INVALID_CONFIG", `Cannot listen on ${formatAddress(config.listen)} without a key: ${fix}`);
}

async function openFile({ config }: Arguments, env: Environment): Promise<YamlFile | undefined> {
  const named = config ?? env[CONFIG_VARIABLE];
  if (config === undefined && !named) return undefined;
  const { YamlFile } = await import("./yaml-file.ts");
  return new YamlFile(named ?? "", config === undefined ? CONFIG_VARIABLE : "--config", env);
}

function givenBy({ listen }: Arguments): Given[] {
  if (listen === undefined) return [];
  return [{ name: "listen", written: listen, source: "--listen", label: "--listen", isShown: true }];
}

function valuesOf(winners: ReadonlyMap<Name, Given>, found: readonly string[]): Values {
  const problems = [...found];
  const values = names.map((name) => {
    const given = winners.get(name);
    if (!given) return [name, settings[name].fallback] as const;
    const value = settings[name].read(given.written);
    if (value === undefined) problems.push(refusal(given));
    return [name, value] as const;
  });
  if (problems.length > 0) throw new CodemodeError("INVALID_CONFIG", problems.join("\n"));
  return Object.fromEntries(values) as Values;
}

const KEY_SOURCES = ["apiKey", "apiKeyFile", "apiKeysFile"] as const;

async function apiKeysOf(
  { apiKey, apiKeyFile, apiKeysFile }: Pick<Values, (typeof KEY_SOURCES)[number]>,
  winners: ReadonlyMap<Name, Given>,
  yaml: YamlFile | undefined,
  env: Environment,
): Promise<readonly ApiKey[]> {
  const list = keysEntry(yaml);
  const labels = KEY_SOURCES.flatMap((name) => winners.get(name)?.label ?? []);
  const [one, other] = list ? [...labels, `${list.keyPlace}: ${KEYS}`] : labels;
  if (other !== undefined) throw new CodemodeError("INVALID_CONFIG", `${one} and ${other} are both set: keep one`);
  if (yaml && list) return (await import("./api-keys-file.ts")).readKeys(yaml);
  if (apiKeysFile !== undefined)
    return (await import("./api-keys-file.ts")).readApiKeysFile(apiKeysFile, one ?? "", env);
  if (apiKeyFile !== undefined) return [soleKey(readKeyFile(apiKeyFile, one ?? ""))];
  return apiKey === undefined ? [] : [soleKey(apiKey)];
}

function keysEntry(yaml: YamlFile | undefined) {
  return yaml?.entries().find(({ key }) => key === KEYS);
}

function readKeyFile(file: string, label: string): string {
  try {
    return parseSecret(readFileSync(file, "utf8").trim(), label);
  } catch (error) {
    if (CodemodeError.is(error)) throw error;
    throw new CodemodeError("INVALID_CONFIG", `${label}: cannot read "${file}"`, { cause: error });
  }
}

function explain(name: Name, values: Values, winners: ReadonlyMap<Name, Given>): Explained {
  const value = values[name];
  const shown = typeof value === "object" ? formatAddress(value) : value;
  const isMasked = settings[name].holds === "a secret" && value !== undefined;
  return { path: name, value: isMasked ? "***" : shown, source: winners.get(name)?.source ?? "default" };
}

/** The ids of keys that stand in the configuration file. */
function explainKeys(apiKeys: readonly ApiKey[], yaml: YamlFile | undefined): Explained[] {
  const list = keysEntry(yaml);
  return list ? [{ path: KEYS, value: apiKeys.map(({ id }) => id).join(", "), source: list.keyPlace }] : [];
}
