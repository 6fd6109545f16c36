import { DynamicTool, tool as langChainTool } from "@langchain/core/tools";
import { createTool } from "@mastra/core/tools";
import { tool as openAiTool } from "@openai/agents";
import { toolDefinition } from "@tanstack/ai";
import { dynamicTool, jsonSchema, tool, zodSchema } from "ai";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import * as mini from "zod/mini";
import * as z3 from "zod/v3";
import { ComponentRegistry, RuntimeContext } from "../client/src/index.ts";
import { callInfo, callTool, inputOf, namesOf } from "./source-fixture.ts";

const numbers = z.object({ a: z.number(), b: z.number().default(1) });
const told = { type: "object", properties: { a: { type: "number" }, b: { type: "number" } } };

describe("tools of the AI SDK", () => {
  test("a ToolSet keeps its keys, its descriptions and its schemas of every kind", async () => {
    const registry = new ComponentRegistry();
    await registry.registerAll({
      zod: tool({ description: "Adds", inputSchema: numbers, execute: ({ a, b }) => a + b }),
      json: tool({
        inputSchema: jsonSchema<{ a: number }>({
          type: "object",
          properties: { a: { type: "number" } },
          required: ["a"],
        }),
        execute: ({ a }) => a,
      }),
      old: tool({ inputSchema: zodSchema(z3.object({ a: z3.number() })), execute: ({ a }) => a }),
      later: tool({ inputSchema: () => zodSchema(numbers), execute: ({ a, b }) => a - b }),
      promised: tool({
        inputSchema: jsonSchema<{ a: number }>(async () => ({ type: "object", properties: { a: { type: "number" } } })),
        execute: ({ a }) => a,
      }),
      unknown: dynamicTool({ description: "Any", inputSchema: z.unknown(), execute: async (input) => input }),
    });
    expect(namesOf(registry)).toEqual(["zod", "json", "old", "later", "promised", "unknown"]);
    expect(registry.getTool("zod").description).toBe("Adds");
    for (const name of ["zod", "later"]) expect(inputOf(registry, name)).toMatchObject(told);
    for (const name of ["json", "old", "promised"]) {
      expect(inputOf(registry, name)).toMatchObject({ properties: { a: { type: "number" } } });
      await expect(callTool(registry, name, { a: "x" })).rejects.toThrow(/Input: a: expected number, received string/i);
      expect(await callTool(registry, name, { a: 4 })).toBe(4);
    }
    expect(await callTool(registry, "zod", { a: 4 })).toBe(5);
    expect(await callTool(registry, "later", { a: 4 })).toBe(3);
    expect(await callTool(registry, "unknown", [1])).toEqual([1]);
  });

  test("they are told of the call in the SDK's words, and of the context by what their schema names", async () => {
    const seen: unknown[] = [];
    const execute = (_: unknown, options: object) => void seen.push(options);
    const registry = new ComponentRegistry();
    const contextSchema = z.object({ key: z.string() });
    await registry.registerAll({
      plain: tool({ inputSchema: z.object({}), execute }),
      strict: tool({ inputSchema: z.object({}), strict: true, execute }),
      asking: tool({ inputSchema: z.object({}), contextSchema, execute }),
      // Its JSON Schema is not of its own making.
      mini: tool({ inputSchema: z.object({}), contextSchema: mini.object({ key: mini.string() }), execute }),
    });
    const info = callInfo(new RuntimeContext({ who: "acme" }, { secrets: { key: "k" } }));
    for (const name of namesOf(registry)) await callTool(registry, name, {}, info);
    const common = { toolCallId: "run:1", messages: [], abortSignal: info.signal };
    expect(seen).toMatchObject([
      { ...common, executionId: "run" },
      { ...common, context: { who: "acme" } },
      { ...common, context: { key: "k" } },
      { ...common, context: { key: "k" } },
    ]);
    await expect(callTool(registry, "asking", {})).rejects.toThrow("The context does not have what the tool asks for");
  });

  test("of results that come one by one the last counts", async () => {
    const registry = new ComponentRegistry().register(
      "slow",
      tool({
        inputSchema: jsonSchema({ type: "object" }),
        async *execute() {
          yield "half";
          yield "whole";
        },
      }),
    );
    expect(await callTool(registry, "slow", {})).toBe("whole");
    const aborted = callInfo(undefined, AbortSignal.abort(new Error("enough")));
    await expect(callTool(registry, "slow", {}, aborted)).rejects.toThrow("enough");
  });

  test("those of a provider are skipped; those that need approval or do nothing are refused", async () => {
    const registry = new ComponentRegistry();
    const inputSchema = jsonSchema({ type: "object" });
    const search = { type: "provider", id: "x.search", args: {}, inputSchema, isProviderExecuted: true };
    using all = await registry.registerAll({ search, ok: tool({ inputSchema, execute: () => 1 }) });
    expect(all.names).toEqual(["ok"]);
    const needy = tool({ inputSchema, needsApproval: true, execute: () => 1 });
    await expect(registry.registerAll({ needy })).rejects.toThrow('(the AI SDK tool "needy"): it needs approval');
    await expect(registry.registerAll({ idle: tool({ inputSchema }) })).rejects.toThrow("it has no execute() function");
    registry.register(
      "asks",
      tool({ inputSchema, needsApproval: async (input: unknown) => input === 1, execute: () => 2 }),
    );
    expect(await callTool(registry, "asks", {})).toBe(2);
    await expect(registry.getTool("asks").handle(1, callInfo())).rejects.toMatchObject({ code: "APPROVAL_NEEDED" });
  });

  test("register() cannot wait for a schema", () => {
    const late = tool({ inputSchema: jsonSchema(async () => ({ type: "object" as const })), execute: () => 1 });
    expect(() => new ComponentRegistry().register("late", late)).toThrow("registerAll() waits for it");
  });
});

describe("tools of LangChain", () => {
  test("they keep their names, and apply their transformations once", async () => {
    const registry = new ComponentRegistry();
    const at = z.object({ at: z.string().transform((text) => new Date(text)), note: z.string().default("none") });
    await registry.registerAll([
      langChainTool(({ at, note }) => `${at.toISOString()} ${note}`, {
        name: "when",
        description: "Tells",
        schema: at,
      }),
      langChainTool(({ a }: { a: number }) => ({ a }), {
        name: "json",
        description: "",
        schema: { type: "object", properties: { a: { type: "number" } }, required: ["a"] },
      }),
      new DynamicTool({ name: "one text", description: "", func: async (text) => text.toUpperCase() }),
    ]);
    expect(namesOf(registry)).toEqual(["when", "json", "one_text"]);
    expect(await callTool(registry, "when", { at: "2026-01-01" })).toBe("2026-01-01T00:00:00.000Z none");
    await expect(callTool(registry, "when", {})).rejects.toThrow("Input: at: ");
    expect(await callTool(registry, "json", { a: 1 })).toEqual({ a: 1 });
    await expect(callTool(registry, "json", {})).rejects.toThrow("Input: a: missing");
    expect(await callTool(registry, "one_text", { input: "a" })).toBe("A");
  });

  test("they see the signal of the call, and what they throw is thrown", async () => {
    const signal = new AbortController().signal;
    const registry = new ComponentRegistry().register(
      "fail",
      langChainTool(
        (_, config: { signal?: AbortSignal }) => {
          throw new RangeError(`no row, ${config.signal instanceof AbortSignal}`);
        },
        { name: "x", description: "", schema: z.object({}) },
      ),
    );
    await expect(callTool(registry, "fail", {}, callInfo(undefined, signal))).rejects.toThrow("no row, true");
  });
});

describe("tools of the OpenAI Agents SDK", () => {
  const add = (options: object = {}) =>
    openAiTool({
      name: "add",
      description: "Adds",
      parameters: numbers.required(),
      execute: ({ a, b }) => a + b,
      ...options,
    });

  test("they are called with their own schema", async () => {
    const registry = new ComponentRegistry();
    await registry.registerAll([add()]);
    expect(registry.getTool("add").description).toBe("Adds");
    expect(await callTool(registry, "add", { a: 1, b: 2 })).toBe(3);
    await expect(callTool(registry, "add", { a: 1, b: "2" })).rejects.toThrow(
      "Input: b: expected number, received string",
    );
  });

  test("an error that the SDK would answer is thrown, and what needs approval or is not enabled is refused", async () => {
    const execute = () => {
      throw new Error("no");
    };
    const registry = new ComponentRegistry()
      .register("fail", add({ execute }))
      .register("loud", add({ execute, errorFunction: null }))
      .register("needy", add({ needsApproval: true }))
      .register("off", add({ isEnabled: false }));
    const input = { a: 1, b: 2 };
    await expect(callTool(registry, "fail", input)).rejects.toThrow("An error occurred while running the tool");
    await expect(callTool(registry, "loud", input)).rejects.toThrow("no");
    await expect(callTool(registry, "needy", input)).rejects.toMatchObject({ code: "APPROVAL_NEEDED" });
    await expect(callTool(registry, "off", input)).rejects.toMatchObject({ code: "NOT_ENABLED" });
  });
});

describe("tools of Mastra", () => {
  test("they are called by their id, with signal and context", async () => {
    const seen: unknown[] = [];
    const add = createTool({
      id: "add numbers",
      description: "Adds",
      inputSchema: numbers,
      outputSchema: z.object({ sum: z.number() }),
      execute: async ({ a, b }, context) => {
        seen.push(context.abortSignal?.aborted, (context.requestContext as unknown as Map<string, unknown>).get("who"));
        return { sum: a === 0 ? ("x" as unknown as number) : a + b };
      },
    });
    const registry = new ComponentRegistry();
    await registry.registerAll([add], { namespace: "mastra" });
    const info = callInfo(new RuntimeContext({ who: "acme" }));
    expect(await callTool(registry, "mastra.add_numbers", { a: 1 }, info)).toEqual({ sum: 2 });
    expect(seen).toEqual([false, "acme"]);
    expect(inputOf(registry, "mastra.add_numbers")).toMatchObject(told);
    await expect(callTool(registry, "mastra.add_numbers", { a: "x" }, info)).rejects.toThrow("Input: a: ");
    await expect(callTool(registry, "mastra.add_numbers", { a: 0 }, info)).rejects.toThrow(/output validation failed/i);
  });

  test("those that need approval are refused", () => {
    const needy = createTool({ id: "needy", description: "", requireApproval: true, execute: async () => 1 });
    expect(() => new ComponentRegistry().register("needy", needy)).toThrow("it needs approval");
  });
});

describe("tools of TanStack AI", () => {
  test("what the server does is called; a definition alone is refused", async () => {
    const definition = toolDefinition({
      name: "add",
      description: "Adds",
      inputSchema: numbers,
      outputSchema: z.number(),
    });
    const registry = new ComponentRegistry();
    await registry.registerAll([definition.server(({ a, b = 0 }) => a + b)]);
    expect(await callTool(registry, "add", { a: 1 })).toBe(2);
    await expect(registry.registerAll([definition])).rejects.toThrow("register what its server() returns");
  });
});
