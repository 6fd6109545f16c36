import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { ComponentRegistry } from "../registry/index.ts";
import { UsageError } from "./exit-codes.ts";
import { messageOf } from "../thrown.ts";

/**
 * Loads the module that `--tools` names, a file or a package. Its default export is a `ComponentRegistry`, or what
 * `registerAll` takes: an object of tools and functions, an array of tools, an MCP client.
 */
export async function loadTools(specifier: string, cwd: string): Promise<ComponentRegistry> {
  const exported = await importDefault(specifier, cwd);
  if (isRegistry(exported)) return exported;
  if (typeof exported !== "object" || exported === null) {
    throw new UsageError(`--tools ${specifier}: the default export must be a ComponentRegistry or an object of tools`);
  }
  const registry = new ComponentRegistry();
  try {
    await registry.registerAll(exported);
  } catch (error) {
    throw new UsageError(`--tools ${specifier}: ${messageOf(error)}`, {
      cause: error,
    });
  }
  return registry;
}

async function importDefault(specifier: string, cwd: string): Promise<unknown> {
  try {
    const module = (await import(locate(specifier, cwd))) as { default?: unknown };
    return module.default;
  } catch (error) {
    throw new UsageError(`--tools ${specifier}: cannot be loaded: ${String(error)}`, { cause: error });
  }
}

/** A file wins over a package of the same name. */
function locate(specifier: string, cwd: string): string {
  const file = resolve(cwd, specifier);
  const path = existsSync(file) ? file : createRequire(join(cwd, "package.json")).resolve(specifier);
  return pathToFileURL(path).href;
}

/** Also true for a registry of another copy of this package, which `instanceof` would not know. */
function isRegistry(value: unknown): value is ComponentRegistry {
  return value instanceof ComponentRegistry || typeof (value as ComponentRegistry | null)?.listTools === "function";
}
