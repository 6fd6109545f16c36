import { primordials } from "@codemode/proto/values";
import type { Ask } from "./host.ts";

let ask: Ask | undefined;

/** Tables come from the worker from now on. */
export function installTables(from: Ask): void {
  ask = from;
}

/** A table that a library has left to the worker, by its name. */
export function table(name: string): unknown {
  if (!ask) throw new Error(`The table ${name} is looked at too early`);
  return primordials.parse(ask("table", "", name));
}
