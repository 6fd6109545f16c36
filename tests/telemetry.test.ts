import { context, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Codemode, ComponentRegistry } from "../client/src/index.ts";
import { startInProcess } from "./executor-fixture.ts";
import { readMetrics } from "./metrics-reader.ts";
import { startScripted } from "./scripted-executor.ts";

// What OpenTelemetry sees of a run, with a real SDK.

const exporter = new InMemorySpanExporter();
const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
beforeAll(() => {
  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
});
afterEach(() => exporter.reset());
afterAll(() => {
  for (const api of [trace, context, propagation]) api.disable();
});

const seen: (string | undefined)[] = [];
const registry = new ComponentRegistry();
registry.registerTool("double", {
  description: "Doubles",
  inputSchema: { type: "number" },
  execute: (n: number) => {
    seen.push(trace.getActiveSpan()?.spanContext().spanId);
    if (n < 0) throw Object.assign(new RangeError("SECRET of a message"), { code: "E_LOW" });
    return n * 2;
  },
});
registry.registerAgent("poet", { description: "Writes", run: () => "SECRET of an answer" });

function open(url: string): Codemode {
  return Codemode.fromClientConfig({ registry, config: { executor: { url }, retry: { baseMs: 1 } } });
}

/** The spans below `parent`, as nested names with their kind of error, in the order in which they began. */
function tree(parent: ReadableSpan | undefined): unknown[] {
  return exporter
    .getFinishedSpans()
    .filter(({ parentSpanContext }) => parentSpanContext?.spanId === parent?.spanContext().spanId)
    .toSorted((a, b) => a.startTime[0] - b.startTime[0] || a.startTime[1] - b.startTime[1])
    .map((span) => [span.name, span.attributes["error.type"] ?? "ok", ...tree(span)]);
}

test("a run with three calls of a tool, one of which fails, and one of an agent is one tree, and its metrics add up", async () => {
  await using executor = await startInProcess({ CODEMODE_EXECUTOR_ADMIN_LISTEN: "127.0.0.1:0" });
  await using codemode = open(executor.executor.address);
  const code = `const results = [await tools.double(1)];
    try { await tools.double(-1) } catch (error) { results.push(error.name) }
    try { await tools.double("SECRET of an input") } catch (error) { results.push(error.name) }
    return [...results, (await agents.poet.run()).length]`;
  seen.length = 0;
  const outcome = await codemode.execute(code, { executionId: "run-1", correlationId: "request-1" });
  expect(outcome.value).toMatchObject([2, "RangeError", expect.any(String), 19]);
  expect(tree(undefined)).toEqual([
    [
      "codemode.execute",
      "ok",
      ["codemode.attempt", "ok"],
      ["execute_tool double", "ok"],
      ["execute_tool double", "RangeError"],
      ["execute_tool double", expect.stringContaining("Input")],
      ["invoke_agent poet", "ok"],
    ],
  ]);
  const metrics = await readMetrics(executor.executor.adminAddress);
  expect(
    Object.fromEntries([...metrics].filter(([name]) => /_(executions|tool_calls|rejections)_total/.test(name))),
  ).toEqual({
    'codemode_executions_total{outcome="ok"}': 1,
    'codemode_tool_calls_total{tool="double",outcome="ok"}': 1,
    'codemode_tool_calls_total{tool="double",outcome="error"}': 2,
    'codemode_tool_calls_total{tool="agents.poet",outcome="ok"}': 1,
  });
  expect(metrics.get("codemode_tool_call_duration_seconds_count")).toBe(outcome.calls.length);
  const spans = exporter.getFinishedSpans();
  expect(spans.find(({ name }) => name === "codemode.execute")?.attributes).toMatchObject({
    "codemode.execution.id": "run-1",
    "codemode.correlation.id": "request-1",
    "codemode.code.sha256": expect.stringMatching(/^[\da-f]{64}$/),
    "codemode.outcome": "ok",
    "codemode.attempts": 1,
    "codemode.calls": 4,
  });
  const calls = spans.filter(({ name }) => name === "execute_tool double");
  expect(calls[0]?.attributes).toMatchObject({
    "gen_ai.operation.name": "execute_tool",
    "gen_ai.tool.name": "double",
    "gen_ai.tool.type": "function",
    "gen_ai.tool.call.id": "run-1:1",
  });
  expect(seen).toEqual(calls.slice(0, 2).map((span) => span.spanContext().spanId)); // handlers run in their own spans
  const told = spans.map(({ name, attributes, status, events }) => [name, attributes, status, events]);
  expect(JSON.stringify(told)).not.toMatch(/SECRET|results/);
});

test("the executor's log names the trace that a run belongs to", async () => {
  await using executor = await startInProcess();
  await using codemode = open(executor.executor.address);
  await trace.getTracer("app").startActiveSpan("request", async (span) => {
    await codemode.execute("return 1");
    span.end();
  });
  const root = exporter.getFinishedSpans().find(({ name }) => name === "request");
  expect(tree(undefined)).toEqual([["request", "ok", ["codemode.execute", "ok", ["codemode.attempt", "ok"]]]]);
  await expect
    .poll(() => executor.log)
    .toContainEqual(expect.objectContaining({ outcome: "ok", traceId: root?.spanContext().traceId }));
});

test("each attempt is a span, a broken one with its error, and a call belongs to the run", async () => {
  seen.length = 0;
  await using scripted = await startScripted(async (peer, attempt) => {
    peer.accept();
    if (attempt === 2) return peer.finish("done"); // the call is settled: it is in the journal
    peer.call(1, "double", 4);
    await peer.answer();
    peer.cut();
  });
  await using codemode = open(scripted.url);
  const outcome = await codemode.execute("…");
  expect(outcome).toMatchObject({ error: null, attempts: 2 });
  expect(tree(undefined)).toEqual([
    [
      "codemode.execute",
      "ok",
      ["codemode.attempt", "Error"],
      ["execute_tool double", "ok"],
      ["codemode.attempt", "ok"],
    ],
  ]);
  expect(seen).toHaveLength(1);
  expect(scripted.traces).toHaveLength(2);
  expect(new Set(scripted.traces).size).toBe(2); // one trace, two spans
});

test("what fails before it begins, and what ends badly, are errors of the run's span", async () => {
  await using codemode = open("127.0.0.1:1");
  await expect(codemode.execute("return 1")).rejects.toThrow(/Cannot reach/);
  await using executor = await startInProcess();
  await using other = open(executor.executor.address);
  await other.execute("throw new TypeError('SECRET of the program')");
  const errors = exporter
    .getFinishedSpans()
    .filter(({ name }) => name === "codemode.execute")
    .map(({ attributes }) => attributes["error.type"]);
  expect(errors).toEqual(["ExecutorConnectionError", "RuntimeError"]);
  expect(JSON.stringify(exporter.getFinishedSpans().map(({ attributes, status }) => [attributes, status]))).not.toMatch(
    /SECRET/,
  );
});
