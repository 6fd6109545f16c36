import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { CodemodeError } from "@codemode/proto";
import { z } from "zod";
import { type Address, formatAddress, isPrivate, parseAddress } from "./address.ts";

/** Everything an executor can be told, checked. */
export interface ExecutorConfig {
  readonly listen: Address;
  /** What callers must present as `authorization: Bearer <key>`. */
  readonly apiKey: string | undefined;
  /** Worker processes: runs at a time. */
  readonly workers: number;
  /** Runs that may wait for a worker. */
  readonly queue: number;
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
const MAX_KEY_CHARS = 505; // the header is capped at 512 with its "Bearer "

const whole = (least: number, most: number): z.ZodType<number> =>
  z
    .string()
    .regex(/^\d+$/, "a whole number is needed")
    .transform(Number)
    .pipe(z.number().min(least, `at least ${least} is needed`).max(most, `at most ${most} is possible`));
const flag = z.enum(["true", "false"], "true or false is needed").transform((text) => text === "true");
const key = z
  .string()
  .regex(/^[\x21-\x7e]+$/, "printable ASCII without spaces is needed")
  .max(MAX_KEY_CHARS);

const schema = z.object({
  LISTEN: z.string().default("127.0.0.1:8001"),
  API_KEY: key.optional(),
  API_KEY_FILE: z.string().optional(),
  WORKERS: whole(1, 1_024).default(Math.max(2, availableParallelism())),
  QUEUE: whole(0, 100_000).default(4_096), // bounded in bytes as well, by the line itself
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
  return {
    listen: parseAddress(data.LISTEN),
    apiKey: readKey(data.API_KEY, data.API_KEY_FILE),
    workers: data.WORKERS,
    queue: data.QUEUE,
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
  if (config.apiKey !== undefined || isPrivate(config.listen)) return;
  const fix = `set ${PREFIX}API_KEY or ${PREFIX}API_KEY_FILE, or listen on 127.0.0.1 or a unix: socket`;
  throw new CodemodeError("INVALID_CONFIG", `Cannot listen on ${formatAddress(config.listen)} without a key: ${fix}`);
}

/** Checks a key that came another way than by the environment. */
export function parseKey(text: string, from: string): string {
  const parsed = key.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new CodemodeError("INVALID_CONFIG", `${from}: ${parsed.error.issues[0]?.message ?? "no key"}`);
}

function readKey(given: string | undefined, file: string | undefined): string | undefined {
  if (file === undefined) return given;
  if (given !== undefined) {
    throw new CodemodeError("INVALID_CONFIG", `${PREFIX}API_KEY and ${PREFIX}API_KEY_FILE are both set: keep one`);
  }
  try {
    return parseKey(readFileSync(file, "utf8").trim(), `${PREFIX}API_KEY_FILE`);
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
