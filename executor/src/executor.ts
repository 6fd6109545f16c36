import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { nanoid } from "nanoid";
import { Metrics } from "./admin/metrics.ts";
import { AdminServer } from "./admin/server.ts";
import { TurnedAway } from "./admin/turned-away.ts";
import { formatAddress } from "./config/address.ts";
import { ANYBODY } from "./config/api-key.ts";
import { type ExecutorConfig, requireKey } from "./config/config.ts";
import { Edge } from "./edge/server.ts";
import { launch } from "./pool/launch.ts";
import { Pool } from "./pool/pool.ts";
import { systemProbe } from "./pool/probe.ts";
import { Keep } from "./session/keep.ts";
import { Manifests } from "./session/manifests.ts";

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
  /** Where its admin server listens, when it has one. */
  readonly adminAddress: string | undefined;
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
  const failed = (said: string): void => log.warn({ executorId, said }, "no worker process can start");
  const pool = new Pool({ size, ...lines, isolation, launch: start, probe: systemProbe(), failed });
  onPool(pool);
  const build = { version: version(), nodeVersion: process.versions.node, capacity: config.workers };
  const metrics = new Metrics(build, { inFlight: () => edge.inFlight, pool: () => pool.census });
  const turnedAway = new TurnedAway((count) => log.warn({ executorId, ...count }, "runs turned away"));
  const edge: Edge = new Edge({
    ...config,
    totalWeight,
    maxStreams: config.workers + config.queue + SPARE_STREAMS,
    host: {
      executorId,
      keep,
      manifests: new Manifests(),
      lend: (applicant, signal) => pool.lend(applicant, signal),
      called: (call) => metrics.called(call),
      refused: (reason, apiKey) => {
        if (apiKey !== undefined) turnedAway.count(apiKey, reason);
        metrics.refused(reason);
      },
      warn: (message) => log.warn({ executorId }, message),
      ended: (report) => {
        const hasBegun = report.durationMs !== undefined || report.fault !== undefined;
        if (!hasBegun) turnedAway.count(report.apiKey, report.outcome);
        else log.info({ executorId, ...report }, "run ended");
        metrics.ended(report);
      },
    },
    info: { executorId, ...build, replays: true, keepsManifests: true },
  });
  const admin = new AdminServer({ isReady: () => edge.serving && pool.isAble, metrics });
  const close = async (): Promise<void> => {
    await edge[Symbol.asyncDispose]();
    await pool[Symbol.asyncDispose]();
    await admin[Symbol.asyncDispose]();
    turnedAway[Symbol.dispose]();
  };
  try {
    const adminAddress = config.adminListen && formatAddress(await admin.listen(config.adminListen));
    await pool.start();
    const address = formatAddress(await edge.listen());
    log.info({ executorId, address, adminAddress, workers: config.workers }, "listening");
    const drain = (timeoutMs: number): Promise<void> => edge.drain(timeoutMs);
    return { executorId, address, adminAddress, pool, drain, [Symbol.asyncDispose]: close };
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
