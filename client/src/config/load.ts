import type { Environment } from "@codemode/proto/settings";
import { ConfigError } from "../errors.ts";
import { addressesIn, parseAddress } from "./address.ts";
import { readArguments } from "./arguments.ts";
import { emptyReading, type Entry, type Reading } from "./entries.ts";
import { readEnvironment } from "./environment.ts";
import { asText, refusal } from "./messages.ts";
import { type ClientConfig, type ClientConfigInput, clientConfigSchema, type Key, keys, type Plain } from "./schema.ts";
import { tlsProblems } from "./tls.ts";
import { findConfigFile, readYamlFile } from "./yaml-file.ts";

export interface LoadOptions {
  /** Wins over everything else, key by key. */
  readonly config?: ClientConfigInput | undefined;
  /** The YAML file. When absent: `CODEMODE_CONFIG`, else the nearest `codemode-client.yaml` from `cwd` upward. */
  readonly configPath?: string | undefined;
  /** @defaultValue `process.env` */
  readonly env?: Environment | undefined;
  /** @defaultValue `process.cwd()` */
  readonly cwd?: string | undefined;
}

/** One key, its effective value and where that came from. */
export interface ExplainedKey {
  readonly path: string;
  /** `"***"` for a secret; undefined when the key is absent and the executor decides. */
  readonly value: Plain | undefined;
  /** `arguments`, `codemode-client.yaml:7:16`, `CODEMODE_RUN_CPU_MS`, `default`, … */
  readonly source: string;
}

export interface LoadedConfig {
  readonly config: ClientConfig;
  /** One line each: what is set and changes nothing. */
  readonly warnings: readonly string[];
}

/**
 * Reads the configuration: arguments over YAML over `CODEMODE_*` over defaults, key by key.
 *
 * @throws {@link ConfigError} with one line for each problem.
 */
export function loadClientConfig(options: LoadOptions = {}): LoadedConfig {
  const { config, warnings } = resolve(options);
  return { config, warnings };
}

/**
 * The effective value of every key and its source, for people; secrets are masked.
 *
 * @throws {@link ConfigError} as {@link loadClientConfig} does.
 */
export function explainClientConfig(options: LoadOptions = {}): readonly ExplainedKey[] {
  const { config, winners } = resolve(options);
  return Array.from(keys.values(), ({ path, section, name, isSecret }) => {
    const value = (config as Readonly<Record<string, Readonly<Record<string, Plain | undefined>>>>)[section]?.[name];
    const source = winners.get(path)?.source ?? "default";
    return { path, value: isSecret && value !== undefined ? "***" : value, source };
  });
}

interface Resolved extends LoadedConfig {
  readonly winners: ReadonlyMap<string, Entry>;
}

function resolve(options: LoadOptions): Resolved {
  const { env = process.env, cwd = process.cwd() } = options;
  const readings = [readEnvironment(env), readFile(options, env, cwd), readArguments(options.config)]; // last wins
  const winners = new Map(readings.flatMap(({ entries }) => entries.map((entry) => [entry.key.path, entry])));
  implyRemote(winners);

  const problems = readings.flatMap((reading) => reading.problems);
  const parsed = clientConfigSchema.safeParse(nested(winners));
  for (const issue of parsed.error?.issues ?? []) {
    const entry = winners.get(issue.path.join("."));
    problems.push(entry ? `${entry.label}: ${refusal(entry)}` : `${issue.path.join(".")}: ${issue.message}`);
  }
  if (!parsed.success || problems.length > 0) throw new ConfigError(asText(problems));
  const config = freeze(parsed.data);
  const contradictions = contradictionsOf(config, winners);
  if (contradictions.length > 0) throw new ConfigError(asText(contradictions));
  return { config, winners, warnings: [...readings.flatMap(({ warnings }) => warnings), ...idleKeys(config, winners)] };
}

function readFile(options: LoadOptions, env: Environment, cwd: string): Reading {
  if (options.configPath !== undefined) return readYamlFile(options.configPath, "configPath", cwd, env);
  const named = env["CODEMODE_CONFIG"];
  if (named) return readYamlFile(named, "CODEMODE_CONFIG", cwd, env);
  const found = findConfigFile(cwd);
  return found ? readYamlFile(found, found, cwd, env) : emptyReading();
}

/** A url alone says enough: whoever sets it wants a remote executor. */
function implyRemote(winners: Map<string, Entry>): void {
  const url = winners.get("executor.url");
  const mode = keys.get("executor.mode");
  if (!url || !mode || winners.has(mode.path)) return;
  winners.set(mode.path, { ...url, key: mode, value: "remote", source: `executor.url (${url.source})` });
}

function nested(winners: ReadonlyMap<string, Entry>): Record<string, Record<string, unknown>> {
  const root: Record<string, Record<string, unknown>> = {};
  for (const { key, value } of winners.values()) (root[key.section] ??= {})[key.name] = value;
  return root;
}

/** Values that are fine alone and impossible together. */
function contradictionsOf(config: ClientConfig, winners: ReadonlyMap<string, Entry>): string[] {
  const problems: string[] = [];
  const label = (path: string): string => winners.get(path)?.label ?? path;
  const { executor, retry } = config;
  if (executor.mode === "remote" && executor.url === undefined) {
    problems.push(`${label("executor.mode")}: remote needs executor.url`);
  }
  if (retry.baseMs > retry.maxMs) {
    const path = winners.has("retry.baseMs") ? "retry.baseMs" : "retry.maxMs";
    problems.push(`${label(path)}: retry.baseMs (${retry.baseMs}) must not be above retry.maxMs (${retry.maxMs})`);
  }
  return executor.mode === "remote" ? [...problems, ...tlsProblems(config, label)] : problems;
}

const IDLE_KEYS = {
  embedded: ["url", "apiKey", "allowInsecureKey", "image", "container"],
  docker: ["url", "allowInsecureKey"],
  remote: ["image", "container", "workers", "isolation", "jit", "startTimeoutMs"],
} as const satisfies Record<ClientConfig["executor"]["mode"], readonly string[]>;

/** Keys that are set and mean nothing in this mode, or at these addresses. */
function idleKeys({ executor: { mode, url } }: ClientConfig, winners: ReadonlyMap<string, Entry>): string[] {
  const names: readonly string[] = IDLE_KEYS[mode];
  const reason = ({ section, name }: Key): string | undefined => {
    if (section === "executor" && names.includes(name)) return `executor.mode is ${mode}`;
    if (section !== "tls") return undefined;
    if (mode !== "remote") return `executor.mode is ${mode}`;
    const isUsed = addressesIn(url).some((address) => parseAddress(address).secure);
    return isUsed ? undefined : "executor.url has no address with https://";
  };
  return [...winners.values()].flatMap(({ key, label }) => {
    const why = reason(key);
    return why ? [`${label}: changes nothing, because ${why}`] : [];
  });
}

function freeze<T extends object>(config: T): T {
  for (const section of Object.values(config)) Object.freeze(section);
  return Object.freeze(config);
}
