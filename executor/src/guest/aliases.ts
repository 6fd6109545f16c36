import { hide, primordials } from "@codemode/proto/values";
import type { Catalog } from "./catalog.ts";
import type { Call } from "./group.ts";
import type { Outputs } from "./outputs.ts";
import type { Components } from "./tools.ts";
import { installFetch } from "./web/fetch.ts";

const { charCodeAt, indexOf, slice } = primordials;

/**
 * Names that other systems teach models: a namespace as a global (`github.search()`), a tool as one (`add()`,
 * `external_add()`), `fetch` when the app has such a tool, and `emit`, `print` and `notify` for output. None takes the place
 * of what the language has.
 */
export function installAliases(
  global: object,
  { tools, tool, call }: Components,
  catalog: Catalog,
  globals: readonly string[],
  { text, json }: Outputs,
  source: string,
): void {
  for (let index = 0; index < globals.length; index++) {
    const name = globals[index] as string;
    if (!(name in global)) hide(global, name, tools[name]);
  }
  if (indexOf(source, "external_") !== -1) {
    const names = catalog.names("tool");
    for (let index = 0; index < names.length; index++) {
      const name = names[index] as string;
      hide(global, `external_${identifier(name)}`, tool(name));
    }
  }
  if (indexOf(source, "fetch") !== -1 && catalog.has("tool", "fetch").isComponent)
    installFetch(global, tool("fetch") as Call, call);
  const show = (value: unknown): void => (typeof value === "object" && value !== null ? json(value) : text(value));
  const output = (name: string, write: (...values: unknown[]) => void): void => {
    if (!(name in global)) hide(global, name, write);
  };
  output("emit", show);
  output("notify", show);
  output("print", (...values) => {
    let line = "";
    for (let index = 0; index < values.length; index++) {
      line += `${index > 0 ? " " : ""}${primordials.String(values[index])}`;
    }
    text(line);
  });
}

/** A name with an underscore for every character that no identifier has. */
function identifier(name: string): string {
  let out = "";
  for (let at = 0; at < name.length; at++) {
    const code = charCodeAt(name, at);
    const letter = (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code === 36 || code > 127;
    out += letter || code === 95 || (code >= 48 && code <= 57) ? slice(name, at, at + 1) : "_";
  }
  return out;
}
