import type { Codemode } from "../codemode.ts";
import type { ExecuteOptions } from "../execute.ts";
import type { CallInfo, ComponentRegistry } from "../registry/index.ts";
import type { LogLine, Outcome } from "../run/index.ts";

// What the plugs have in common that run the programs of another framework's own code mode.

/**
 * How a plug runs programs. What is set here wins over what the framework asks for; which functions a program may call is
 * the framework's to say, call by call.
 */
export interface PlugOptions extends Omit<ExecuteOptions, "signal" | "executionId" | "fileName" | "tools" | "agents"> {}

/** What a framework asks for. */
interface Asked {
  readonly timeoutMs?: number | undefined;
  readonly heapMib?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Runs a program with the functions of `registry`. A time-out bounds computing and waiting, each for itself. */
export function runForeign(
  codemode: Codemode,
  code: string,
  registry: ComponentRegistry,
  options: PlugOptions,
  { timeoutMs, heapMib, signal }: Asked,
): Promise<Outcome> {
  return codemode.withRegistry(registry).execute(code, {
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(signal && { signal }),
    ...options,
    budgets: {
      ...(timeoutMs !== undefined && { maxWaitMs: timeoutMs }),
      ...(heapMib !== undefined && { heapMib }),
      ...options.budgets,
    },
  });
}

/** Lets programs call `call` as `name`, whatever it is given. What it takes is checked by its own framework. */
export function addFunction(
  registry: ComponentRegistry,
  name: string,
  description: string,
  call: (input: unknown, info: CallInfo) => unknown,
): void {
  registry.registerTool(name, { description, execute: call });
}

/** Why a program failed, in the few words that the frameworks have for it. */
export interface ForeignError {
  readonly name: string;
  /** That of the error, and how to mend it where that is known. */
  readonly message: string;
  readonly line?: number;
  readonly stack?: string;
  readonly code?: string;
}

/** Undefined when it did not fail. */
export function foreignErrorOf({ error }: Outcome): ForeignError | undefined {
  if (!error) return undefined;
  const { type, name, message, hint, line, stack, code } = error;
  return {
    name: NAMES.get(type) ?? name ?? type,
    message: hint === undefined ? message : `${message}${line === undefined ? "" : ` (line ${line})`}\nFix: ${hint}`,
    ...(line !== undefined && { line }),
    ...(stack !== undefined && { stack }),
    ...(code !== undefined && { code }),
  };
}

/** As the drivers of TanStack and Mastra call them. */
const NAMES = new Map<string, string>([
  ["Timeout", "TimeoutError"],
  ["CpuLimit", "TimeoutError"],
  ["MemoryLimit", "MemoryLimitError"],
]);

/**
 * The value as their own executors would give it, which is what JSON makes of it; but a Map is an object or a list of pairs
 * instead of nothing, a Set a list, a BigInt its digits. What JSON refuses for another reason is `{"$type": …}`.
 */
export function plainValueOf(outcome: Outcome): unknown {
  try {
    const text = JSON.stringify(outcome.value, plain) as string | undefined;
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return outcome.toJSON()["value"]; // it holds itself
  }
}

function plain(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (value instanceof Set) return [...value];
  if (!(value instanceof Map)) return value;
  const entries = [...value];
  return entries.every(([key]) => typeof key === "string") ? Object.fromEntries(entries) : entries;
}

/** The lines of the console, each with what the framework writes before those of its level. */
export function logLinesOf({ logs }: Outcome, prefixes: Partial<Record<LogLine["level"], string>> = {}): string[] {
  return logs.map(({ level, text }) => `${prefixes[level] ?? ""}${text}`);
}
