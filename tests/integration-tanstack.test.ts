// Our driver under TanStack AI's own code mode, and the cases that TanStack tests its drivers with.
import { chat, EventType, type StreamChunk, type TextOptions, toolDefinition } from "@tanstack/ai";
import { BaseTextAdapter } from "@tanstack/ai/adapters";
import { createCodeMode, type IsolateConfig, type ToolBinding } from "@tanstack/ai-code-mode";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { createIsolateDriver } from "@codemode/client/tanstack";
import { startCodemode } from "./integration-fixture.ts";

const codemode = await startCodemode();
const driver = createIsolateDriver(codemode);

/** A model that calls execute_typescript with each of these programs, one a step, and then repeats what it has read. */
class Scripted extends BaseTextAdapter<"scripted", object, readonly ["text"], never> {
  readonly name = "scripted";
  readonly read: unknown[] = [];
  #step = 0;
  readonly #programs: readonly string[];

  constructor(programs: readonly string[]) {
    super({}, "scripted");
    this.#programs = programs;
  }

  async *chatStream({ messages }: TextOptions): AsyncIterable<StreamChunk> {
    const last = messages.findLast(({ role }) => role === "tool");
    if (last) this.read.push(JSON.parse(last.content as string));
    const ids = { threadId: "t", runId: "r", model: this.model, timestamp: 0 };
    const code = this.#programs[this.#step++];
    yield { type: EventType.RUN_STARTED, ...ids };
    if (code === undefined) {
      const messageId = "m";
      yield { type: EventType.TEXT_MESSAGE_START, messageId, role: "assistant", ...ids };
      yield { type: EventType.TEXT_MESSAGE_CONTENT, messageId, delta: `Done: ${last?.content as string}`, ...ids };
      yield { type: EventType.TEXT_MESSAGE_END, messageId, ...ids };
      yield { type: EventType.RUN_FINISHED, finishReason: "stop", ...ids };
      return;
    }
    const toolCallId = `c${this.#step}`;
    const toolCallName = "execute_typescript";
    yield { type: EventType.TOOL_CALL_START, toolCallId, toolCallName, toolName: toolCallName, ...ids };
    const delta = JSON.stringify({ typescriptCode: code });
    yield { type: EventType.TOOL_CALL_ARGS, toolCallId, delta, ...ids };
    yield { type: EventType.TOOL_CALL_END, toolCallId, ...ids };
    yield { type: EventType.RUN_FINISHED, finishReason: "tool_calls", ...ids };
  }

  structuredOutput(): never {
    throw new Error("not scripted");
  }
}

test("chat: a program that fails, the same mended, three calls, and text", async () => {
  const add = toolDefinition({
    name: "add",
    description: "Adds two numbers",
    inputSchema: z.object({ a: z.number(), b: z.number() }),
    outputSchema: z.number(),
  }).server(({ a, b }) => a + b);
  const { tools, systemPrompt } = createCodeMode({ driver, tools: [add] });
  const program =
    "const sums = await Promise.all([1, 2, 3].map((a: number) => external_add({ a, b: 10 })));\nreturn sums.join()";
  const adapter = new Scripted([program.replace("b: 10", "c: 10"), program]);
  const messages = [{ role: "user" as const, content: "Add 10 to 1, 2 and 3" }];
  const text = await chat({ adapter, messages, systemPrompts: [systemPrompt], tools, stream: false });
  expect(adapter.read).toMatchObject([
    { success: false, error: { message: expect.stringContaining("Input validation failed for tool add") } },
    { success: true, result: "11,12,13" },
  ]);
  expect(text).toMatch(/^Done: .*11,12,13/);
});

const binding = (name: string, execute: ToolBinding["execute"]): Record<string, ToolBinding> => ({
  [name]: { name, description: "", inputSchema: { type: "object", properties: {} }, execute },
});

/** Runs a program in a context of its own. */
async function run(code: string, options: Partial<IsolateConfig> = {}) {
  const context = await driver.createContext({ bindings: {}, ...options });
  const result = await context.execute(code);
  await context.dispose();
  return result;
}

describe("as TanStack's drivers", () => {
  test.for([
    ["arithmetic", "return 3 + 4", 7],
    ["text", 'return "hello" + " " + "world"', "hello world"],
    ["a promise", "const x = await Promise.resolve(10);\nreturn x + 2;", 12],
    ["an object", "return { a: 1, b: [2, 3] }", { a: 1, b: [2, 3] }],
    ["nothing", "const a = 1", undefined],
    ["no process", "return typeof process", "undefined"],
    ["no require", "return typeof require", "undefined"],
    ["no fetch", "return typeof fetch", "undefined"],
    ["no modules", "try { return await import('fs') } catch { return 'blocked' }", "blocked"],
    ["code of its own realm alone", "return typeof (function () {}).constructor('return this.process')()", "undefined"],
  ] as const)("%s", async ([, code, value]) => {
    expect(await run(code)).toMatchObject({ success: true, value });
  });

  test("a binding is a global of its own name, whatever that is", async () => {
    const add = (args: unknown) =>
      Promise.resolve(Object.values(args as object).reduce((a: number, b: number) => a + b));
    for (const name of ["add", "external_add", "skill_add"]) {
      const result = await run(`const sum = await ${name}({ a: 2, b: 3 });\nreturn sum`, {
        bindings: binding(name, add),
      });
      expect(result).toMatchObject({ success: true, value: 5 });
    }
  });

  test("calls of Promise.all run at the same time", async () => {
    let active = 0;
    let most = 0;
    const all = Promise.withResolvers<void>();
    const get = async () => {
      most = Math.max(most, (active += 1));
      if (active === 3) all.resolve();
      await all.promise;
      active -= 1;
    };
    await run("return Promise.all([get({}), get({}), get({})])", { bindings: binding("get", get) });
    expect(most).toBe(3);
  });

  test("what a binding throws is told, and can be caught", async () => {
    const bindings = binding("fail", () => Promise.reject(new Error("Tool failed")));
    const failed = { success: false, error: { message: expect.stringContaining("Tool failed") } };
    expect(await run("return await fail({})", { bindings })).toMatchObject(failed);
    expect(await run("return await fail({}).catch((e) => e.message)", { bindings })).toMatchObject({
      value: "Tool failed",
    });
  });

  test.for([
    ["a syntax error", "syntax error!!!", { message: expect.any(String) }],
    ["a runtime error", 'throw new Error("oops")', { name: "Error", message: expect.stringContaining("oops") }],
    ["an endless loop", "for (;;);", { name: "TimeoutError" }],
    ["a wait without end", "await new Promise((done) => setTimeout(done, 10_000))", { name: "TimeoutError" }],
    ["recursion without end", "const f = () => f(); return f()", { message: expect.stringContaining("stack") }],
  ] as const)("%s is an error", async ([, code, error]) => {
    expect(await run(code, { timeout: 300 })).toMatchObject({ success: false, error });
  });

  test("memory over its limit is an error, and disposal is safe after it", async () => {
    const code = "const all = []; for (;;) all.push(new Array(10_000).fill(all.length));";
    const context = await driver.createContext({ bindings: {}, memoryLimit: 8 });
    expect(await context.execute(code)).toMatchObject({ success: false, error: { name: "MemoryLimitError" } });
    await context.dispose();
  });

  test.for([1, 128, 4096])("a memory limit of %i MB is taken for the nearest that there is", async (memoryLimit) => {
    expect(await run("return 1", { memoryLimit })).toMatchObject({ success: true, value: 1 });
  });

  test("the console is told with the level of each line", async () => {
    const { logs } = await run('console.log("a"); console.error("b"); console.warn("c"); console.info("d"); return 1');
    expect(logs).toEqual(["a", "ERROR: b", "WARN: c", "INFO: d"]);
  });

  test("a context may be used again, shares nothing, and is gone once disposed of", async () => {
    const [one, other] = await Promise.all([
      driver.createContext({ bindings: {} }),
      driver.createContext({ bindings: {} }),
    ]);
    await one.execute("globalThis.secret = 100; Object.prototype.leak = 1; return 1");
    expect(await other.execute("return [typeof secret, ({}).leak]")).toMatchObject({ value: ["undefined", null] });
    expect(await other.execute("return new Map([[1, new Set([2n])]])")).toMatchObject({ value: [[1, ["2"]]] });
    expect(await one.execute("return 1 + 1")).toMatchObject({ success: true, value: 2 });
    await one.dispose();
    await one.dispose();
    expect(await one.execute("return 1")).toMatchObject({ success: false, error: { name: "DisposedError" } });
    await other.dispose();
  });

  test("disposal ends a program that runs", async () => {
    const begun = Promise.withResolvers<void>();
    const bindings = binding("wait", () => {
      begun.resolve();
      return new Promise(() => {});
    });
    const context = await driver.createContext({ bindings });
    const running = context.execute("return await wait()");
    await begun.promise;
    await context.dispose();
    expect(await running).toMatchObject({ success: false, error: { message: expect.stringContaining("disposed") } });
  });
});
