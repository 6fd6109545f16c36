import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { nanoid } from "nanoid";
import { formatAddress } from "./config/address.ts";
import { ANYBODY } from "./config/api-key.ts";
import { type ExecutorConfig, requireKey } from "./config/config.ts";
import { Edge } from "./edge/server.ts";
import { launch } from "./pool/launch.ts";
import { Pool } from "./pool/pool.ts";
import { systemProbe } from "./pool/probe.ts";
import { Keep } from "./session/keep.ts";

/** What an executor writes its log to. */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** A running executor. Disposal ends open runs UNAVAILABLE, and resolves when no worker is left. */
export interface Executor extends AsyncDisposable {
  readonly executorId: string;
  /** Where it listens, with the port that was taken. */
  readonly address: string;
  readonly pool: Pool;
  /** Lets no run begin, and resolves when those that were open have ended, by themselves or after `timeoutMs`. */
  drain(timeoutMs: number): Promise<void>;
}

/** Parts that the caller has a hand on. */
export interface Parts {
  /** Told of the pool before its first worker is there. */
  readonly onPool?: (pool: Pool) => void;
  /** What is kept to replay runs from. */
  readonly keep?: Keep;
  /** How worker processes are started. */
  readonly launch?: () => ReturnType<typeof launch>;
}

/** Puts the parts together: the only place that knows all of them. Takes no signals and ends no process. */
export async function startExecutor(
  config: ExecutorConfig,
  log: Log,
  { onPool = () => {}, keep = new Keep(), launch: start = () => launch({ jit: config.jit }) }: Parts = {},
): Promise<Executor> {
  requireKey(config);
  const executorId = `ex-${nanoid(12)}`;
  const callers = config.apiKeys.length > 0 ? config.apiKeys : [ANYBODY];
  const totalWeight = callers.reduce((sum, { weight }) => sum + weight, 0);
  const { workers: size, queue: maxWaiting, queueTimeoutMs: maxWaitMs, isolation } = config;
  const lines = { maxWaiting, maxWaitMs, totalWeight };
  const pool = new Pool({ size, ...lines, isolation, launch: start, probe: systemProbe() });
  onPool(pool);
  const edge = new Edge({
    ...config,
    totalWeight,
    maxStreams: config.workers + config.queue + SPARE_STREAMS,
    host: {
      executorId,
      keep,
      lend: (applicant, signal) => pool.lend(applicant, signal),
      ended: (report) => log.info({ executorId, ...report }, "run ended"),
      warn: (message) => log.warn({ executorId }, message),
    },
    info: {
      executorId,
      version: version(),
      capacity: config.workers,
      nodeVersion: process.versions.node,
      replays: true,
      keepsManifests: false,
    },
  });
  const close = async (): Promise<void> => {
    await edge[Symbol.asyncDispose]();
    await pool[Symbol.asyncDispose]();
  };
  try {
    await pool.start();
    const address = formatAddress(await edge.listen());
    log.info({ executorId, address, workers: config.workers }, "listening");
    return { executorId, address, pool, drain: (timeoutMs) => edge.drain(timeoutMs), [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

const SPARE_STREAMS = 64; // so that it is the line that says there is no room: it knows best when to come again

function version(): string {
  const text = readFileSync(fileURLToPath(import.meta.resolve("@codemode/executor/package.json")), "utf8");
  return String((JSON.parse(text) as { version: unknown }).version);
}
