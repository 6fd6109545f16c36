import { randomBytes } from "node:crypto";
import type { CodemodeError } from "@codemode/proto";
import manifest from "../package.json" with { type: "json" };
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
  /**
   * Given, runs are taken before the first worker is ready, and wait for it in the line; it is told when no worker can start.
   * Otherwise nothing listens until there is a worker, and that none can start is thrown.
   */
  readonly onUnable?: (error: CodemodeError) => void;
  /** What is kept to replay runs from. */
  readonly keep?: Keep;
  /** How worker processes are started. */
  readonly launch?: () => ReturnType<typeof launch>;
}

/** Puts the parts together: the only place that knows all of them. Takes no signals and ends no process. */
export async function startExecutor(
  config: ExecutorConfig,
  log: Log,
  { onPool = () => {}, onUnable, keep = new Keep(), launch: start = () => launch({ jit: config.jit }) }: Parts = {},
): Promise<Executor> {
  requireKey(config);
  const executorId = `ex-${randomBytes(9).toString("base64url")}`;
  const callers = config.apiKeys.length > 0 ? config.apiKeys : [ANYBODY];
  const totalWeight = callers.reduce((sum, { weight }) => sum + weight, 0);
  const { workers: size, queue: maxWaiting, queueTimeoutMs: maxWaitMs, isolation } = config;
  const lines = { maxWaiting, maxWaitMs, totalWeight };
  const failed = (said: string): void => log.warn({ executorId, said }, "no worker process can start");
  const pool = new Pool({ size, ...lines, isolation, launch: start, probe: systemProbe(), failed });
  onPool(pool);
  const build = { version: manifest.version, nodeVersion: process.versions.node, capacity: config.workers };
  const gauges = { inFlight: () => edge.inFlight, pool: () => pool.census };
  const metrics = config.adminListen && new (await import("./admin/metrics.ts")).Metrics(build, gauges); // else nobody can ask
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
      called: (call) => metrics?.called(call),
      refused: (reason, apiKey) => {
        if (apiKey !== undefined) turnedAway.count(apiKey, reason);
        metrics?.refused(reason);
      },
      warn: (message) => log.warn({ executorId }, message),
      ended: (report) => {
        const hasBegun = report.durationMs !== undefined || report.fault !== undefined;
        if (!hasBegun) turnedAway.count(report.apiKey, report.outcome);
        else log.info({ executorId, ...report }, "run ended");
        metrics?.ended(report);
      },
    },
    info: { executorId, ...build, replays: true },
  });
  const admin = metrics && new AdminServer({ isReady: () => edge.serving && pool.isAble, metrics });
  const close = async (): Promise<void> => {
    await edge[Symbol.asyncDispose]();
    await pool[Symbol.asyncDispose]();
    await admin?.[Symbol.asyncDispose]();
    turnedAway[Symbol.dispose]();
  };
  try {
    const adminAddress = config.adminListen && admin && formatAddress(await admin.listen(config.adminListen));
    if (onUnable) {
      // In the turn after we listen: to start a process holds us up for some milliseconds, in which our parent can connect.
      const able = new Promise(setImmediate).then(() => pool.start());
      able.catch((error: CodemodeError) => error.code === "CLOSED" || onUnable(error));
    } else await pool.start();
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
