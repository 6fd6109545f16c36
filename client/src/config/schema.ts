import { z } from "zod";
import { choice, count, duration, type Field, fields, flag, mebibytes, path, secret, size, text } from "./fields.ts";

const KIB = 1_024;
const MIB = 1_024 * KIB;
const MAX_DURATION_MS = 600_000; // no program runs for longer than ten minutes, so nothing that belongs to one may
const MAX_WAIT_MS = 86_400_000; // people are waited for too

const HOST = String.raw`(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])`;
const PORT = String.raw`:\d{1,5}`;
const ADDRESS = String.raw`(?:unix:[^\s,]+|https?:\/\/${HOST}(?:${PORT})?\/?|(?:dns:\/\/\/)?${HOST}${PORT})`;
const IMAGE = /^[a-z0-9][A-Za-z0-9._/:@-]{0,254}$/;
const CONTAINER = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
const NAME = /^(?:[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45})$/;
const ADDRESSES = new RegExp(String.raw`^${ADDRESS}(?:\s*,\s*${ADDRESS})*$`);

const executor = z.strictObject({
  mode: choice(
    "Where the executor comes from: `embedded` starts it as a child process, `docker` in a container of this machine, `remote` calls `executor.url`. `remote` when only `executor.url` is set.",
    ["embedded", "docker", "remote"],
  ).default("embedded"),
  url: text(
    "Address of a remote executor, or several: each run begins at the next of them, and goes on at the one after it when an executor fails.",
    ADDRESSES,
    "an address such as 127.0.0.1:8001, https://host, dns:///host:8001 or unix:/path, or several with commas in between",
    { otherwise: "no remote executor" },
  ).optional(),
  apiKey: secret("Key that the executor asks for. An embedded executor has a random key of its own.", {
    otherwise: "no key is sent to a remote executor, and one in a container gets a random key",
  }).optional(),
  allowInsecureKey: flag(
    "Lets the key cross a network in clear text: to a host that is not this one, at an address without `https://`.",
  ).default(false),
  image: text(
    "Image of the executor in `docker` mode. `codemode docker build` makes it.",
    IMAGE,
    "an image such as codemode-executor or registry/name:tag",
  ).default("codemode-executor"),
  container: text(
    "Name of the container, and of its network, in `docker` mode. Clients that name the same one share it.",
    CONTAINER,
    "letters, digits, dots, dashes and underscores",
  ).default("codemode-executor"),
  workers: count("Worker processes of an executor that this client starts.", 1, 256, {
    otherwise: "as many as there are cores, at least 2; 4 in a container",
  }).optional(),
  isolation: choice(
    "What each run has for itself in an executor that this client starts: `isolate`, in a worker process that later runs use again, or a `process`, which takes more CPU time and memory.",
    ["isolate", "process"],
  ).default("isolate"),
  jit: flag(
    "Lets V8 compile to machine code in an executor that this client starts: faster, and a larger surface to attack.",
  ).default(false),
  startTimeoutMs: duration("How long an executor that this client starts may take.", 1, MAX_DURATION_MS).default(
    10_000,
  ),
  connectTimeoutMs: duration("How long one attempt may take to connect.", 1, MAX_DURATION_MS).default(5_000),
});

const tls = z.strictObject({
  caFile: path("Certificates that an executor's must come from, for addresses with `https://`.", {
    otherwise: "Node's own roots",
  }).optional(),
  certFile: path("This client's certificate, for executors that ask for one, and those between it and its root.", {
    otherwise: "none is presented",
  }).optional(),
  keyFile: path("Key of `tls.certFile`, without a passphrase.", { otherwise: "none" }).optional(),
  serverName: text("Name that an executor's certificate is for.", NAME, "a host name or an IP address", {
    otherwise: "the host of its address",
  }).optional(),
});

const run = z.strictObject({
  timeoutMs: duration(
    "Wall time of a run, but for the time in which it waits for tools and agents alone.",
    1,
    MAX_DURATION_MS,
  ).default(30_000),
  maxWaitMs: duration("Time in which a run may wait for tools and agents alone.", 1, MAX_WAIT_MS).default(300_000),
  cpuMs: duration("CPU time of a run.", 1, 60_000, { otherwise: "5s" }).optional(),
  heapMib: mebibytes("Heap of a run, in MiB.", 8, 256, { otherwise: "64MiB" }).optional(),
  maxCalls: count("Tool, agent and timer calls of a run.", 0, 100_000, { otherwise: "1000" }).optional(),
  maxCallsInFlight: count("Calls that run at the same time; more wait.", 1, 1_024, { otherwise: "64" }).optional(),
  maxCodeBytes: size("Size of the program.", 1, MIB, { otherwise: "256KiB" }).optional(),
  maxResultBytes: size("Size of the result.", 1, 3 * MIB, { otherwise: "1MiB" }).optional(),
  maxLogBytes: size("Size of all log lines; what is over is dropped and counted.", 0, MIB, {
    otherwise: "64KiB",
  }).optional(),
  maxLogLines: count("Number of log lines; what is over is dropped and counted.", 0, 10_000, {
    otherwise: "1000",
  }).optional(),
  toolTimeoutMs: duration(
    "Time for one tool call, its schemas included; a call over it fails inside the program.",
    1,
    MAX_DURATION_MS,
    {
      otherwise: "only the run's own time counts",
    },
  ).optional(),
});

const retry = z.strictObject({
  enabled: flag(
    "Whether a run is attempted again when the executor is unreachable or busy, or is lost in mid-run.",
  ).default(true),
  maxAttempts: count("Attempts in a row that bring a run no further, the first included.", 1, 10).default(3),
  baseMs: duration("Pause before the second attempt; doubles with every further one.", 0, 60_000).default(100),
  maxMs: duration("Longest pause between two attempts.", 0, 60_000).default(5_000),
  maxElapsedMs: duration(
    "Longest time in all that a run may be in no executor's hands: pauses, and waiting for a place.",
    1,
    MAX_WAIT_MS,
  ).default(300_000),
});

const observability = z.strictObject({
  logLevel: choice("What the SDK itself logs.", ["silent", "error", "warn", "info", "debug"]).default("warn"),
  correlationIdPrefix: text(
    "Start of generated correlation ids (`cm-…`).",
    /^[A-Za-z0-9_]{1,8}$/,
    "1 to 8 letters, digits or underscores",
  ).default("cm"),
});

/** The one description of `codemode-client.yaml`: types, checks, JSON schema, docs and variables all come from here. */
export const clientConfigSchema = z.strictObject({
  executor: executor.prefault({}).describe("Where programs run."),
  tls: tls
    .prefault({})
    .describe("How to know remote executors, and be known to them. PEM files, read again when they change."),
  run: run.prefault({}).describe("Budgets of a run. `execute()` may ask for others, run by run."),
  retry: retry.prefault({}).describe("Attempts at a run when the executor is unreachable, busy or lost."),
  observability: observability.prefault({}).describe("What the SDK tells about itself."),
});

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

/** What may be written: every key optional, durations and sizes also as text (`"30s"`, `"64MiB"`). */
export type ClientConfigInput = DeepReadonly<z.input<typeof clientConfigSchema>>;
/** The effective configuration: checked, defaults filled in, frozen. Durations in milliseconds, sizes in bytes. */
export type ClientConfig = DeepReadonly<z.output<typeof clientConfigSchema>>;

/** What every value is. */
export type Plain = string | number | boolean;

/** One key of the configuration. */
export interface Key extends Field {
  readonly section: string;
  readonly name: string;
  /** `executor.apiKey` */
  readonly path: string;
  /** `CODEMODE_EXECUTOR_API_KEY` */
  readonly variable: string;
  readonly fallback: Plain | undefined;
}

/** Every key by path, in the order of the docs. */
export const keys: ReadonlyMap<string, Key> = new Map(allKeys().map((key) => [key.path, key]));

/** The sections, in the order of the docs. */
export const sections: readonly string[] = Object.keys(clientConfigSchema.shape);

function* leaves(): Generator<[section: string, name: string, schema: z.ZodType]> {
  for (const [section, wrapped] of Object.entries(clientConfigSchema.shape)) {
    const names: Readonly<Record<string, z.ZodType>> = wrapped.unwrap().shape;
    for (const name in names) yield [section, name, names[name]!];
  }
}

function allKeys(): Key[] {
  return Array.from(leaves(), ([section, name, schema]) => {
    const isWrapped = schema instanceof z.ZodDefault || schema instanceof z.ZodOptional;
    const known = isWrapped ? fields.get(schema.unwrap() as z.ZodType) : undefined;
    if (!known) throw new TypeError(`${section}.${name} has no field description`);
    const path = `${section}.${name}`;
    const fallback = schema instanceof z.ZodDefault ? (schema.def.defaultValue as Plain) : undefined;
    return { ...known, section, name, path, variable: variableOf(path), fallback };
  });
}

function variableOf(path: string): string {
  return `CODEMODE_${path.replace(/[A-Z]/g, "_$&").replaceAll(".", "_").toUpperCase()}`;
}
