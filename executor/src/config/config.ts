import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { CodemodeError } from "@codemode/proto";
import type { CertificateFiles } from "@codemode/proto/certificates";
import { z } from "zod";
import { type Address, formatAddress, isPrivate, parseAddress } from "./address.ts";
import { type ApiKey, soleKey } from "./api-key.ts";
import { readApiKeysFile } from "./api-keys-file.ts";
import { parseSecret, secret } from "./secret.ts";
import { tlsFiles } from "./tls.ts";

/** Everything an executor can be told, checked. */
export interface ExecutorConfig {
  readonly listen: Address;
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
  /** Descriptor of the pipe to a parent process that this executor lives and dies with. */
  readonly lifeline: number | undefined;
}

const PREFIX = "CODEMODE_EXECUTOR_";

const whole = (least: number, most: number): z.ZodType<number> =>
  z
    .string()
    .regex(/^\d+$/, "a whole number is needed")
    .transform(Number)
    .pipe(z.number().min(least, `at least ${least} is needed`).max(most, `at most ${most} is possible`));
const flag = z.enum(["true", "false"], "true or false is needed").transform((text) => text === "true");

const schema = z.object({
  LISTEN: z.string().default("127.0.0.1:8001"),
  API_KEY: secret.optional(),
  API_KEY_FILE: z.string().optional(),
  API_KEYS_FILE: z.string().optional(),
  TLS_CERT_FILE: z.string().optional(),
  TLS_KEY_FILE: z.string().optional(),
  TLS_CLIENT_CA_FILE: z.string().optional(),
  WORKERS: whole(1, 1_024).default(Math.max(2, availableParallelism())),
  QUEUE: whole(0, 100_000).default(4_096), // bounded in bytes as well, by the line itself
  QUEUE_TIMEOUT_MS: whole(1, 3_600_000).default(60_000),
  ISOLATION: z.enum(["isolate", "process"], "isolate or process is needed").default("isolate"),
  JIT: flag.default(false),
  REFLECTION: flag.default(true),
  LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"]).default("info"),
  DRAIN_TIMEOUT_MS: whole(0, 3_600_000).default(25_000), // Kubernetes kills after 30 s
  LIFELINE: whole(3, 1_023).optional(),
});

/**
 * Reads arguments over environment over defaults.
 *
 * @throws CodemodeError INVALID_CONFIG, naming the variable or the option.
 */
export function readConfig(argv: readonly string[], env: NodeJS.ProcessEnv): ExecutorConfig {
  const options = readOptions(argv);
  const values = Object.fromEntries(Object.keys(schema.shape).map((name) => [name, env[PREFIX + name] || undefined]));
  delete values["LIFELINE"]; // an option alone: a variable would be inherited by processes that it does not fit
  if (options.listen !== undefined) values["LISTEN"] = options.listen;
  if (options.lifeline !== undefined) values["LIFELINE"] = options.lifeline;
  const parsed = schema.safeParse(values);
  if (!parsed.success) {
    const lines = parsed.error.issues.map(({ path, message }) => {
      const name = String(path[0]);
      const shown = name === "API_KEY" ? "" : ` (it is "${values[name] ?? ""}")`;
      return `${name === "LIFELINE" ? "--lifeline" : PREFIX + name}: ${message}${shown}`;
    });
    throw new CodemodeError("INVALID_CONFIG", lines.join("\n"));
  }
  const { data } = parsed;
  const listen = parseAddress(data.LISTEN);
  return {
    listen,
    apiKeys: readKeys(data),
    tls: tlsFiles({ listen, cert: data.TLS_CERT_FILE, key: data.TLS_KEY_FILE, clientCa: data.TLS_CLIENT_CA_FILE }),
    workers: data.WORKERS,
    queue: data.QUEUE,
    queueTimeoutMs: data.QUEUE_TIMEOUT_MS,
    isolation: data.ISOLATION,
    jit: data.JIT,
    reflection: data.REFLECTION,
    logLevel: data.LOG_LEVEL,
    drainTimeoutMs: data.DRAIN_TIMEOUT_MS,
    lifeline: data.LIFELINE,
  };
}

/** Refuses to be open to a network without a key. */
export function requireKey(config: ExecutorConfig): void {
  if (config.apiKeys.length > 0 || isPrivate(config.listen)) return;
  const fix = `set ${PREFIX}API_KEY, ${PREFIX}API_KEY_FILE or ${PREFIX}API_KEYS_FILE, or listen on 127.0.0.1 or a unix: socket`;
  throw new CodemodeError("INVALID_CONFIG", `Cannot listen on ${formatAddress(config.listen)} without a key: ${fix}`);
}

function readKeys(given: { readonly [Name in (typeof KEY_SOURCES)[number]]?: string | undefined }): readonly ApiKey[] {
  const set = KEY_SOURCES.filter((name) => given[name] !== undefined);
  if (set.length > 1) {
    const [one, other] = set.map((name) => PREFIX + name);
    throw new CodemodeError("INVALID_CONFIG", `${one} and ${other} are both set: keep one`);
  }
  if (given.API_KEYS_FILE !== undefined) return readApiKeysFile(given.API_KEYS_FILE, `${PREFIX}API_KEYS_FILE`);
  const key = given.API_KEY_FILE === undefined ? given.API_KEY : readKeyFile(given.API_KEY_FILE);
  return key === undefined ? [] : [soleKey(key)];
}

const KEY_SOURCES = ["API_KEY", "API_KEY_FILE", "API_KEYS_FILE"] as const;

function readKeyFile(file: string): string {
  try {
    return parseSecret(readFileSync(file, "utf8").trim(), `${PREFIX}API_KEY_FILE`);
  } catch (error) {
    if (CodemodeError.is(error)) throw error;
    throw new CodemodeError("INVALID_CONFIG", `${PREFIX}API_KEY_FILE: cannot read "${file}"`, { cause: error });
  }
}

function readOptions(argv: readonly string[]): { listen?: string | undefined; lifeline?: string | undefined } {
  try {
    const options = { listen: { type: "string" }, lifeline: { type: "string" } } as const;
    return parseArgs({ args: [...argv], options, strict: true }).values;
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new CodemodeError("INVALID_CONFIG", `${problem}\nOptions: --listen <host:port|unix:path>, --lifeline <fd>`);
  }
}
