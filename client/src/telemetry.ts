import { createHash } from "node:crypto";
import { type Attributes, context, propagation, type Span, SpanStatusCode, trace } from "@opentelemetry/api";
import type { Component } from "./registry/component.ts";
import type { Outcome, RunRequest } from "./run/index.ts";
import type { Answer } from "./run/invoke.ts";

// What a run is to OpenTelemetry: `codemode.execute`, in it a `codemode.attempt` for each stream, and an `execute_tool …` or
// `invoke_agent …` for each call. Without an SDK in the app all of it does nothing. Never code, arguments or results.
//
// The names of tools and agents follow the semantic conventions for generative AI, which are in development:
// https://github.com/open-telemetry/semantic-conventions-genai

const TRACER = "@codemode/client";

/** Calls `body` in a span of its own, which is over when `body` is. An error that it throws is the span's. */
async function inSpan<T>(name: string, attributes: Attributes, body: (span: Span) => Promise<T>): Promise<T> {
  return trace.getTracer(TRACER).startActiveSpan(name, { attributes }, async (span) => {
    try {
      return await body(span);
    } catch (error) {
      const { name, message } = error instanceof Error ? error : new Error(String(error));
      fail(span, name, message);
      throw error;
    } finally {
      span.end();
    }
  });
}

/** One call of `execute`. The calls of its program are its children, whichever attempt they are made in. */
export function inExecuteSpan(request: RunRequest, body: (request: RunRequest) => Promise<Outcome>): Promise<Outcome> {
  const { executionId, correlationId, code } = request;
  const attributes = {
    "codemode.execution.id": executionId,
    "codemode.correlation.id": correlationId,
  };
  return inSpan("codemode.execute", attributes, async (span) => {
    // Of a program of hundreds of kilobytes it takes time, which is for nothing where nobody records the span.
    if (span.isRecording()) span.setAttribute("codemode.code.sha256", createHash("sha256").update(code).digest("hex"));
    const present = context.active();
    const inContext: RunRequest["inContext"] = (handler) => context.with(present, () => request.inContext(handler));
    const outcome = await body({ ...request, inContext });
    span.setAttributes({
      "codemode.outcome": outcome.error?.type ?? outcome.status,
      "codemode.attempts": outcome.attempts,
      "codemode.calls": outcome.calls.length,
    });
    if (outcome.error) fail(span, outcome.error.type);
    return outcome;
  });
}

/** One stream to an executor. */
export function inAttemptSpan<T>(attempt: number, address: string, body: () => Promise<T>): Promise<T> {
  return inSpan("codemode.attempt", { "codemode.attempt": attempt, "server.address": address }, body);
}

/** One call of a tool or an agent, its schemas included. What its handler said when it failed is the program's to know. */
export function inCallSpan(
  { kind, name }: Component,
  idempotencyKey: string,
  body: () => Promise<Answer>,
): Promise<Answer> {
  const [operation, about] =
    kind === "agent"
      ? ["invoke_agent", { "gen_ai.agent.name": name }]
      : ["execute_tool", { "gen_ai.tool.name": name, "gen_ai.tool.type": "function" }];
  const attributes = { "gen_ai.operation.name": operation, "gen_ai.tool.call.id": idempotencyKey, ...about };
  return inSpan(`${operation} ${name}`, attributes, async (span) => {
    const answer = await body();
    if (answer.error) fail(span, answer.error.name || "Error");
    return answer;
  });
}

/** What tells an executor which trace it works for: `traceparent` and the like. */
export function traceHeaders(): Record<string, string> {
  const headers: Record<string, string> = {};
  propagation.inject(context.active(), headers);
  return headers;
}

function fail(span: Span, type: string, message?: string): void {
  span.setAttribute("error.type", type);
  span.setStatus({ code: SpanStatusCode.ERROR, ...(message !== undefined && { message }) });
}
