import { comment, commentText } from "@codemode/proto/discovery";
import { hide, primordials, setOwn } from "@codemode/proto/values";
import { type Catalog, type Found, toFound } from "./catalog.ts";
import { blame, failureOf } from "./failures.ts";

const { isArray } = primordials;

/** What a component is, for a program that asks. */
export interface Description extends Found {
  readonly inputSchema: unknown;
  readonly outputSchema: unknown;
}

/** The functions by which a program finds out what it may call. */
export interface Discovery {
  /** Takes words, or `{ query, limit, offset }`. */
  readonly search: (query?: unknown) => Found[];
  readonly describe: (name: unknown) => Description;
}

const LIMIT = 20;

export function createDiscovery(catalog: Catalog): Discovery {
  const search = (asked: unknown = ""): Found[] => {
    if (typeof asked === "string") return catalog.search(asked, LIMIT, 0);
    const isRecord = typeof asked === "object" && asked !== null && !isArray(asked);
    const { query, limit, offset } = (isRecord ? asked : {}) as { query?: unknown; limit?: unknown; offset?: unknown };
    return catalog.search(primordials.String(query ?? ""), count(limit, LIMIT), count(offset, 0));
  };
  const describe = (given: unknown): Description => {
    const name = primordials.String(given);
    const entry = catalog.find("tool", name) ?? catalog.find("agent", name);
    if (!entry) {
      const like = catalog.nearest("tool", name)[0] ?? catalog.nearest("agent", name)[0];
      const meant = like === undefined ? "" : `; did you mean "${like}"?`;
      throw blame(new primordials.TypeError(`There is no tool "${name}"${meant}`), failureOf("UnknownTool", name));
    }
    const { input, output } = entry.schemas();
    return { ...toFound(entry), inputSchema: input, outputSchema: output };
  };
  return { search, describe };
}

function count(value: unknown, fallback: number): number {
  return primordials.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : fallback;
}

/** Names that other systems teach models: `ALL_TOOLS`, `__interfaces`, `__getToolInterface(name)`. */
export function installOldNames(global: object, catalog: Catalog, { describe }: Discovery): void {
  const lazy = (key: string, make: () => unknown): void => {
    const descriptor = {
      __proto__: null,
      get: () => {
        const value = make();
        hide(global, key, value);
        return value;
      },
      set: (value: unknown) => hide(global, key, value),
      enumerable: false,
      configurable: true,
    };
    primordials.defineProperty(global, key, descriptor as PropertyDescriptor);
  };
  lazy("ALL_TOOLS", () => {
    const all: Found[] = [];
    const entries = catalog.entries();
    for (let index = 0; index < entries.length; index++) setOwn(all, index, toFound(entries[index] as never));
    return all;
  });
  lazy("__interfaces", () => {
    let text = "";
    const entries = catalog.entries();
    for (let index = 0; index < entries.length; index++) {
      text += `${text === "" ? "" : "\n\n"}${declaration(toFound(entries[index] as never))}`;
    }
    return text;
  });
  hide(global, "__getToolInterface", (name: unknown) => declaration(describe(name)));
}

function declaration({ description, signature }: Found): string {
  return `${description === "" ? "" : `${comment(commentText(description, 1_500))}\n`}${signature}`;
}
