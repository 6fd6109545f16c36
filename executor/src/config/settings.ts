import { availableParallelism } from "node:os";
import { address, choice, duration, file, flag, port, secret, type Setting, whole } from "./setting.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** The one description of what an executor can be told: checks, variables, keys of YAML and docs come from here. */
export const settings = {
  listen: address("Where runs are taken. Port 0 is a free one.", { kind: "tcp", host: "127.0.0.1", port: 8_001 }),
  adminListen: port(
    "Where `/metrics`, `/healthz` and `/readyz` are served, in plain HTTP and without a key.",
    "nowhere; the image has 127.0.0.1:9464",
  ),
  apiKey: secret(
    "The key that every caller must present.",
    "no key is asked for, which is refused unless only this machine can connect",
  ),
  apiKeyFile: file("A file that holds the key, in place of `apiKey`.", "none"),
  apiKeysFile: file("A YAML file with [several keys](#several-api-keys), in place of `apiKey`.", "none"),
  tlsCertFile: file("[TLS](#tls): the certificate to present, with those up to its root.", "clear text"),
  tlsKeyFile: file("The key of that certificate.", "clear text"),
  tlsClientCaFile: file("Authorities whose certificates clients must present.", "clients are asked for none"),
  workers: whole("Worker processes: programs that run at the same time.", 1, 1_024, {
    fallback: Math.max(2, availableParallelism()),
    otherwise: "as many as there are cores, at least 2",
  }),
  queue: whole("Runs that may wait for a worker. What open runs hold in memory is bounded as well.", 0, 100_000, {
    fallback: 4_096,
  }),
  queueTimeoutMs: duration("How long a run may wait for its first worker.", 1, HOUR_MS, { fallback: 60_000 }),
  isolation: choice(
    "What a run has for itself: an `isolate`, in a worker process that later runs of its tenant use again, or a `process`.",
    ["isolate", "process"],
    "isolate",
  ),
  jit: flag("Lets V8 compile to machine code: faster, and a larger surface to attack.", { fallback: false }),
  reflection: flag("Serves gRPC reflection.", { fallback: true }),
  logLevel: choice(
    "What is logged, from this level on. No level logs programs, arguments, results or keys.",
    ["trace", "debug", "info", "warn", "error", "fatal", "silent"],
    "info",
  ),
  drainTimeoutMs: duration("How long open runs may go on after SIGTERM.", 0, HOUR_MS, {
    fallback: 25_000, // Kubernetes kills after 30 s
  }),
  connectionMaxAgeMs: duration(
    "How old a connection may get before its client is asked to make a new one, give or take a tenth. Runs on it end undisturbed.",
    100,
    DAY_MS,
    { fallback: 1_800_000 },
  ),
  connectionMaxIdleMs: duration("How long a connection may have no call on it.", 100, DAY_MS, { fallback: 300_000 }),
} satisfies Readonly<Record<string, Setting>>;

export type Name = keyof typeof settings;
/** What every setting is. */
export type Values = { readonly [N in Name]: (typeof settings)[N]["fallback"] };

export const names = Object.keys(settings) as readonly Name[];

/** What our variables begin with. */
export const PREFIX = "CODEMODE_EXECUTOR_";

/** What callers' keys are below in a configuration file: a list, and so no setting. */
export const KEYS = "keys";

/** The file that the settings may be in. */
export const CONFIG_VARIABLE = `${PREFIX}CONFIG`;

/** `CODEMODE_EXECUTOR_QUEUE_TIMEOUT_MS` */
export function variableOf(name: Name): string {
  return PREFIX + name.replace(/[A-Z]/g, "_$&").toUpperCase();
}
