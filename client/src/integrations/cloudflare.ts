import type { ExecuteOptions, ExecuteResult, Executor, ResolvedProvider } from "@cloudflare/codemode";
import type { StandardJSONSchemaV1, StandardSchemaV1 } from "@standard-schema/spec";
import type { Codemode } from "../codemode.ts";
import { ComponentRegistry } from "../registry/index.ts";
import { foreignErrorOf, logLinesOf, plainValueOf, type PlugOptions, runForeign } from "./foreign.ts";
import { messageOf } from "../thrown.ts";

export type { PlugOptions } from "./foreign.ts";

type Functions = ResolvedProvider["fns"];

/**
 * Runs the programs of Cloudflare's Code Mode outside of Workers, for all that takes an `Executor`, such as `codeMcpServer`
 * of `@cloudflare/codemode/mcp`. A provider is a namespace, `codemode` the one without a name of its own; the client's own
 * registry has no part in it.
 *
 * As the contract has it, nothing is thrown: `error` says why there is no result, an executor that cannot be reached
 * included. Connectors and preludes need a Worker, and are refused in the same way.
 */
export function createExecutor(codemode: Codemode, options: PlugOptions = {}): Executor {
  return {
    async execute(code, providersOrFns, { connectors = [] }: ExecuteOptions = {}): Promise<ExecuteResult> {
      try {
        if (connectors.length > 0) throw new Error("Connectors need Cloudflare Workers; give their tools as providers");
        const outcome = await runForeign(codemode, code, registryOf(providersOrFns), options, {});
        const logs = logLinesOf(outcome, { error: "[error] ", warn: "[warn] " });
        const error = foreignErrorOf(outcome);
        return error ? { result: undefined, error: error.message, logs } : { result: plainValueOf(outcome), logs };
      } catch (error) {
        return { result: undefined, error: messageOf(error) };
      }
    },
  };
}

function registryOf(given: readonly ResolvedProvider[] | Functions): ComponentRegistry {
  const providers = Array.isArray(given) ? (given as readonly ResolvedProvider[]) : [{ name: ROOT, fns: given }];
  const registry = new ComponentRegistry();
  const seen = new Set<string>();
  for (const { name, fns, prelude } of providers as readonly ResolvedProvider[]) {
    if (seen.has(name)) throw new Error(`Duplicate provider name ${JSON.stringify(name)}`);
    if (!IDENTIFIER.test(name)) throw new Error(`Provider name ${JSON.stringify(name)} is no identifier`);
    if (name !== ROOT && (name in globalThis || SCOPE.has(name) || name.startsWith("__"))) {
      throw new Error(`Provider name ${JSON.stringify(name)} is reserved`);
    }
    if (prelude) throw new Error(`The prelude of provider ${JSON.stringify(name)} needs Cloudflare Workers`);
    seen.add(name);
    addFunctions(registry, name, fns);
  }
  return registry;
}

function addFunctions(registry: ComponentRegistry, provider: string, fns: Functions): void {
  const origins = new Map<string, string>();
  for (const [name, fn] of Object.entries(fns)) {
    const identifier = name.replaceAll(/[^\w$]/g, "_");
    const other = origins.get(identifier);
    if (other !== undefined) {
      const both = [other, name].map((one) => JSON.stringify(one)).join(" and ");
      throw new Error(`Tool names ${both} both sanitize to "${identifier}" in provider ${JSON.stringify(provider)}`);
    }
    origins.set(identifier, name);
    registry.registerTool(provider === ROOT ? identifier : `${provider}.${identifier}`, {
      description: "",
      inputSchema: BY_POSITION,
      execute: (input) => fn(...argumentsOf(input)),
    });
  }
}

const ROOT = "codemode";
const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;
/** Names that a program has already, and that are no globals here. */
const SCOPE = new Set(["tools", "agents", "callTool", "context", "config", "text", "json", "image", "result"]);

/**
 * Cloudflare's functions take any arguments; ours take one object, or by position what a schema names. So the schema names
 * positions. One object goes as it is. Nothing is checked: bytes and dates are as good as JSON.
 */
const POSITIONS = ["0", "1", "2", "3", "4", "5", "6", "7"] as const;
const positions = () => ({ properties: Object.fromEntries(POSITIONS.map((position) => [position, {}])) });
const BY_POSITION: StandardSchemaV1 & StandardJSONSchemaV1 = {
  "~standard": {
    version: 1,
    vendor: "codemode",
    validate: (value) => ({ value }),
    jsonSchema: { input: positions, output: positions },
  },
};

function argumentsOf(input: unknown): unknown[] {
  if (typeof input !== "object" || input === null || !Object.hasOwn(input, "0")) return [input];
  const count = Object.keys(input).length;
  const given = POSITIONS.slice(0, count);
  const isByPosition = given.length === count && given.every((position) => Object.hasOwn(input, position));
  return isByPosition ? Object.values(input) : [input];
}
