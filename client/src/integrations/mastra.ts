import { type CodeModeTransport, sanitizeToolId } from "@mastra/core/tools";
import type { Codemode } from "../codemode.ts";
import { ComponentRegistry } from "../registry/index.ts";
import { addFunction, foreignErrorOf, logLinesOf, plainValueOf, type PlugOptions, runForeign } from "./foreign.ts";

export type { PlugOptions } from "./foreign.ts";

/**
 * Runs the programs of Mastra's own code mode: `createCodeMode({ tools }, createCodeModeTransport(codemode))`. Their
 * `external_<id>(input)` are Mastra's tools, called in this process with all that Mastra does for them; the client's own
 * registry has no part in it. No sandbox of a workspace is needed.
 *
 * A program that fails is Mastra's `{ success: false, error }`. An executor that cannot be reached is thrown.
 */
export function createCodeModeTransport(codemode: Codemode, options: PlugOptions = {}): CodeModeTransport {
  return {
    requiresSandbox: false,
    async run({ program, toolIds, dispatch, timeout, abortSignal, onExternalCall, onExternalResult }) {
      const registry = new ComponentRegistry();
      for (const id of toolIds) {
        addFunction(registry, `external_${sanitizeToolId(id)}`, "", async (input) => {
          const started = performance.now();
          const tell = (error?: unknown) => quietly(() => onExternalResult?.(id, performance.now() - started, error));
          quietly(() => onExternalCall?.(id, input));
          try {
            const result = await dispatch(id, input);
            tell();
            return result;
          } catch (error) {
            tell(error);
            throw error;
          }
        });
      }
      const asked = { timeoutMs: timeout, signal: abortSignal };
      const outcome = await runForeign(codemode, program, registry, options, asked);
      const logs = logLinesOf(outcome);
      const failure = foreignErrorOf(outcome);
      if (!failure) return { success: true, result: plainValueOf(outcome), logs };
      const { name, message, line } = failure;
      return { success: false, error: { name, message, ...(line !== undefined && { line }) }, logs };
    },
  };
}

/** A hook is there to watch: what it throws is no failure of the call. */
function quietly(hook: () => void): void {
  try {
    hook();
  } catch {
    // Mastra's own transport says nothing either.
  }
}
