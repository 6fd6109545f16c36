import type { ExecutionResult, IsolateContext, IsolateDriver } from "@tanstack/ai-code-mode";
import type { Codemode } from "../codemode.ts";
import { ComponentRegistry } from "../registry/index.ts";
import { addFunction, foreignErrorOf, logLinesOf, plainValueOf, type PlugOptions, runForeign } from "./foreign.ts";

export type { PlugOptions } from "./foreign.ts";

const HEAP_MIB = { least: 8, most: 256 }; // what executors lend

/**
 * Runs the programs of TanStack AI's own code mode: `createCodeMode({ driver: createIsolateDriver(codemode), tools })`.
 * Their `external_<name>(input)` are TanStack's tools, called in this process; the client's own registry has no part in it.
 *
 * `timeout` bounds the time in which a program computes, and once more that in which it waits for tools. `memoryLimit` is
 * that of the heap, within 8 to 256 MiB. Each `execute` has a fresh isolate: one context keeps nothing between two.
 * A program that fails is TanStack's `{ success: false, error }`. An executor that cannot be reached is thrown.
 */
export function createIsolateDriver(codemode: Codemode, options: PlugOptions = {}): IsolateDriver {
  return {
    async createContext({ bindings, timeout, memoryLimit }): Promise<IsolateContext> {
      const registry = new ComponentRegistry();
      for (const [name, { description, execute }] of Object.entries(bindings)) {
        addFunction(registry, name, description, (input) => execute(input));
      }
      const heapMib = memoryLimit && Math.min(HEAP_MIB.most, Math.max(HEAP_MIB.least, Math.ceil(memoryLimit)));
      const disposed = new AbortController();
      return {
        async execute<T = unknown>(code: string): Promise<ExecutionResult<T>> {
          if (disposed.signal.aborted) return gone;
          const asked = { timeoutMs: timeout, heapMib, signal: disposed.signal };
          const outcome = await runForeign(codemode, code, registry, options, asked);
          const logs = logLinesOf(outcome, { error: "ERROR: ", warn: "WARN: ", info: "INFO: " });
          const failure = foreignErrorOf(outcome);
          if (!failure) return { success: true, value: plainValueOf(outcome) as T, logs };
          const { line: _line, ...error } = failure;
          return { success: false, error, logs };
        },
        async dispose() {
          disposed.abort(new Error("The context was disposed"));
        },
      };
    },
  };
}

const gone = { success: false, error: { name: "DisposedError", message: "Context has been disposed" }, logs: [] };
