import { add, type ComponentKind, SearchIndex, signatureOf } from "@codemode/proto/discovery";
import { primordials } from "@codemode/proto/values";
import type { Ask } from "./host.ts";
import { nearest } from "./nearest.ts";

const { indexOf, mapGet, mapSet, MathMin, slice, startsWith } = primordials;

const MAX_FOUND = 100;
const MAX_SCHEMA = 1_048_576; // units of JSON; of a larger one nothing is told, and the app's check is all there is
const MAX_DESCRIPTION = 500; // units, of what `search` finds

type Row = readonly [name: string, description: string, inputJson: string, outputJson: string];

/** A tool or agent as the manifest has it. Schemas are read when somebody asks: of thousands, most runs look at none. */
export class Entry {
  readonly kind: ComponentKind;
  readonly name: string;
  readonly description: string;
  readonly #row: Row;
  #schemas: { readonly input: unknown; readonly output: unknown } | undefined;

  constructor(kind: ComponentKind, row: Row) {
    this.kind = kind;
    this.name = row[0];
    this.description = row[1];
    this.#row = row;
  }

  /** JSON Schema; undefined when anything goes. Never in the hands of a program: it gets `schemas`. */
  get input(): unknown {
    return (this.#schemas ??= this.schemas()).input;
  }

  /** As `input`. */
  get output(): unknown {
    return (this.#schemas ??= this.schemas()).output;
  }

  /** Both, made anew: a program may do to them what it likes. */
  schemas(): { readonly input: unknown; readonly output: unknown } {
    return { input: schema(this.#row[2]), output: schema(this.#row[3]) };
  }

  /** `input` for one look: of thousands of tools nobody wants the schemas kept. */
  glance(): unknown {
    return this.#schemas ? this.#schemas.input : schema(this.#row[2]);
  }
}

/** An entry as `search` finds it. */
export interface Found {
  readonly name: string;
  readonly kind: ComponentKind;
  readonly description: string;
  readonly signature: string;
}

/** What a run may call, with descriptions and schemas. Asked for only when the program asks, or has made a mistake. */
export class Catalog {
  readonly #ask: Ask;
  #entries: readonly Entry[] | undefined;
  #names: { readonly tools: readonly string[]; readonly agents: readonly string[] } | undefined;
  #index: SearchIndex | undefined;
  readonly #byName: object = new primordials.Map();

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** Whether there is a component of that name, and whether there are names that begin with it and a dot. */
  has(kind: ComponentKind, name: string): { readonly isComponent: boolean; readonly isGroup: boolean } {
    const answer = this.#ask("has", kind, name);
    return { isComponent: startsWith(answer, "component"), isGroup: indexOf(answer, "group") !== -1 };
  }

  /** In their order. */
  names(kind: ComponentKind): readonly string[] {
    this.#names ??= primordials.parse(this.#ask("names", "", "")) as { tools: string[]; agents: string[] };
    return kind === "tool" ? this.#names.tools : this.#names.agents;
  }

  entries(): readonly Entry[] {
    if (this.#entries) return this.#entries;
    const entries: Entry[] = [];
    const { tools, agents } = primordials.parse(this.#ask("rows", "", "")) as { tools: Row[]; agents: Row[] };
    const read = (kind: ComponentKind, rows: readonly Row[]): void => {
      for (let index = 0; index < rows.length; index++) {
        const entry = new Entry(kind, rows[index] as Row);
        add(entries, entry);
        mapSet(this.#byName, `${kind}s.${entry.name}`, entry);
      }
    };
    read("tool", tools);
    read("agent", agents);
    this.#entries = entries;
    return entries;
  }

  find(kind: ComponentKind, name: string): Entry | undefined {
    const key = `${kind}s.${name}`;
    const known = mapGet(this.#byName, key) as Entry | undefined;
    if (known || this.#entries) return known;
    const row = this.#ask("entry", kind, name);
    if (row === "") return undefined;
    const entry = new Entry(kind, primordials.parse(row) as Row);
    mapSet(this.#byName, key, entry);
    return entry;
  }

  /** Entries by their words, the best first; all of them when `query` has no words. */
  search(query: string, limit: number, offset: number): Found[] {
    const entries = this.entries();
    this.#index ??= new SearchIndex(entries.length, (at) => {
      const entry = entries[at] as Entry;
      return { name: entry.name, description: entry.description, input: entry.glance() };
    });
    const places = this.#index.search(query);
    const found: Found[] = [];
    const last = MathMin(offset + MathMin(limit, MAX_FOUND), places.length);
    for (let at = offset; at < last; at++) {
      const entry = toFound(entries[places[at] as number] as Entry);
      const { description } = entry;
      const isLong = description.length > MAX_DESCRIPTION;
      add(found, isLong ? { ...entry, description: `${slice(description, 0, MAX_DESCRIPTION)}…` } : entry);
    }
    return found;
  }

  /** Up to three names like `name`, the nearest first. */
  nearest(kind: ComponentKind, name: string): string[] {
    return nearest(name, this.names(kind));
  }
}

export function toFound(entry: Entry): Found {
  const { name, kind, description } = entry;
  return { name, kind, description, signature: signatureOf(entry) };
}

function schema(json: string): unknown {
  if (json === "" || json.length > MAX_SCHEMA) return undefined;
  try {
    return primordials.parse(json);
  } catch {
    return undefined; // a foreign client's; the tool is there all the same
  }
}
