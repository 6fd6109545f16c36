import type { ErrorCode } from "@codemode/proto";
import { CallKind } from "@codemode/proto/messages";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { CallReport, Report } from "../session/report.ts";
import { ToolLabels } from "./tool-labels.ts";

/** What is looked at when somebody asks for the metrics. */
export interface Gauges {
  inFlight(): number;
  /** Worker processes by state. */
  pool(): Readonly<Record<string, number>>;
}

/** What stays as it is. */
export interface Build {
  readonly version: string;
  readonly nodeVersion: string;
  /** Runs at a time. */
  readonly capacity: number;
}

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const MIB = 1024 * 1024;
const HEAP_BYTES = [1, 2, 4, 8, 16, 32, 64, 128, 256].map((size) => size * MIB);

/** Counts what an executor does. Each Execute stream is an execution once it was accepted, or else a rejection. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #registers = { registers: [this.#registry] };
  readonly #tools = new ToolLabels();

  readonly #executions = new Counter({
    name: "codemode_executions_total",
    help: 'Runs that had begun and have ended: "ok", the type of the error, or the code of the status',
    labelNames: ["outcome"],
    ...this.#registers,
  });
  readonly #duration = new Histogram({
    name: "codemode_execution_duration_seconds",
    help: "From the beginning of a run to its end, waiting for tools included",
    buckets: SECONDS,
    ...this.#registers,
  });
  readonly #rejections = new Counter({
    name: "codemode_rejections_total",
    help: "Calls that ended before a run began: the code of the status, GONE or Cancelled",
    labelNames: ["reason"],
    ...this.#registers,
  });
  readonly #toolCalls = new Counter({
    name: "codemode_tool_calls_total",
    help: 'Calls of tools and agents that are over. Beyond the first 100 tools they are "other"',
    labelNames: ["tool", "outcome"],
    ...this.#registers,
  });
  readonly #toolCallDuration = new Histogram({
    name: "codemode_tool_call_duration_seconds",
    help: "From a call of a tool or an agent to its answer",
    buckets: SECONDS,
    ...this.#registers,
  });
  readonly #heap = new Histogram({
    name: "codemode_isolate_heap_bytes",
    help: "Largest heap of a run",
    buckets: HEAP_BYTES,
    ...this.#registers,
  });
  readonly #cpu = new Counter({
    name: "codemode_isolate_cpu_seconds_total",
    help: "CPU time of runs that have ended",
    ...this.#registers,
  });

  readonly #inFlight = new Gauge({
    name: "codemode_executions_in_flight",
    help: "Runs that have begun and not ended",
    ...this.#registers,
  });
  readonly #capacity = new Gauge({
    name: "codemode_execution_capacity",
    help: "Programs that can run at the same time",
    ...this.#registers,
  });
  readonly #pool = new Gauge({
    name: "codemode_isolate_pool_size",
    help: "Worker processes by state",
    labelNames: ["state"],
    ...this.#registers,
  });
  readonly #build = new Gauge({
    name: "codemode_build_info",
    help: "1, of this version",
    labelNames: ["version", "node"],
    ...this.#registers,
  });
  readonly #gauges: Gauges;

  constructor({ version, nodeVersion, capacity }: Build, gauges: Gauges) {
    this.#gauges = gauges;
    this.#build.set({ version, node: nodeVersion }, 1);
    this.#capacity.set(capacity);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** All of them, in Prometheus' text format. */
  text(): Promise<string> {
    this.#inFlight.set(this.#gauges.inFlight());
    for (const [state, count] of Object.entries(this.#gauges.pool())) this.#pool.set({ state }, count);
    return this.#registry.metrics();
  }

  /** A session has ended. */
  ended({ outcome, durationMs, cpuMs, peakHeapBytes }: Report): void {
    if (durationMs === undefined) return this.#rejections.inc({ reason: outcome });
    this.#executions.inc({ outcome });
    this.#duration.observe(durationMs / 1_000);
    if (cpuMs !== undefined) this.#cpu.inc(cpuMs / 1_000);
    if (peakHeapBytes !== undefined) this.#heap.observe(peakHeapBytes);
  }

  /** A call got no session. */
  refused(reason: ErrorCode): void {
    this.#rejections.inc({ reason });
  }

  /** A call of a program is over. Timers are nobody's work, and a stream is the call that has returned it. */
  called(call: CallReport): void {
    if (call.kind === CallKind.CALL_KIND_TIMER || call.kind === CallKind.CALL_KIND_NEXT) return;
    this.#toolCalls.inc({ tool: this.#tools.of(call), outcome: call.outcome });
    this.#toolCallDuration.observe(call.durationMs / 1_000);
  }
}
