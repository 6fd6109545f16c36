import { primordials, setOwn } from "@codemode/proto/values";
import type { Ask } from "./host.ts";
import { nearest } from "./nearest.ts";
import { signatureOf } from "./signature.ts";

const { charCodeAt, indexOf, isArray, mapGet, mapSet, MathMin, slice, startsWith, toLowerCase } = primordials;

export type ComponentKind = "tool" | "agent";

/** A tool or agent as the manifest has it. */
export interface Entry {
  readonly kind: ComponentKind;
  readonly name: string;
  readonly description: string;
  /** JSON Schema; undefined when anything goes. Never in the hands of a program: it gets `schemasOf`. */
  readonly input: unknown;
  readonly output: unknown;
  readonly json: { readonly input: string; readonly output: string };
}

/** An entry as `search` finds it. */
export interface Found {
  readonly name: string;
  readonly kind: ComponentKind;
  readonly description: string;
  readonly signature: string;
}

type Row = readonly [name: string, description: string, inputJson: string, outputJson: string];

const MAX_FOUND = 100;

/** What a run may call, with descriptions and schemas. Asked for only when the program asks, or has made a mistake. */
export class Catalog {
  readonly #ask: Ask;
  #entries: readonly Entry[] | undefined;
  #names: { readonly tools: readonly string[]; readonly agents: readonly string[] } | undefined;
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
    const add = (kind: ComponentKind, rows: readonly Row[]): void => {
      for (let index = 0; index < rows.length; index++) {
        const entry = toEntry(kind, rows[index] as Row);
        setOwn(entries, entries.length, entry);
        mapSet(this.#byName, `${kind}s.${entry.name}`, entry);
      }
    };
    add("tool", tools);
    add("agent", agents);
    this.#entries = entries;
    return entries;
  }

  find(kind: ComponentKind, name: string): Entry | undefined {
    const key = `${kind}s.${name}`;
    const known = mapGet(this.#byName, key) as Entry | undefined;
    if (known || this.#entries) return known;
    const row = this.#ask("entry", kind, name);
    if (row === "") return undefined;
    const entry = toEntry(kind, primordials.parse(row) as Row);
    mapSet(this.#byName, key, entry);
    return entry;
  }

  /** Entries whose name or description holds every word of `query`: those that have it in the name first. */
  search(query: string, limit: number, offset: number): Found[] {
    const words = wordsOf(toLowerCase(query));
    const inName: Entry[] = [];
    const inText: Entry[] = [];
    const entries = this.entries();
    for (let index = 0; index < entries.length; index++) {
      const entry = entries[index] as Entry;
      const name = toLowerCase(entry.name);
      if (holds(name, words)) setOwn(inName, inName.length, entry);
      else if (holds(`${name} ${toLowerCase(entry.description)}`, words)) setOwn(inText, inText.length, entry);
    }
    const found: Found[] = [];
    const last = offset + MathMin(limit, MAX_FOUND);
    for (let index = offset; index < last && index < inName.length + inText.length; index++) {
      const entry = (index < inName.length ? inName[index] : inText[index - inName.length]) as Entry;
      setOwn(found, found.length, toFound(entry));
    }
    return found;
  }

  /** Up to three names like `name`, the nearest first. */
  nearest(kind: ComponentKind, name: string): string[] {
    return nearest(name, this.names(kind));
  }
}

function toEntry(kind: ComponentKind, row: Row): Entry {
  const json = { input: row[2], output: row[3] };
  return { kind, name: row[0], description: row[1], input: schema(json.input), output: schema(json.output), json };
}

export function toFound(entry: Entry): Found {
  const { name, kind, description } = entry;
  return { name, kind, description, signature: signatureOf(entry) };
}

/** Both schemas, made anew: a program may do to them what it likes. */
export function schemasOf({ json }: Entry): { inputSchema: unknown; outputSchema: unknown } {
  return { inputSchema: schema(json.input), outputSchema: schema(json.output) };
}

function schema(json: string): unknown {
  if (json === "") return undefined;
  try {
    return primordials.parse(json);
  } catch {
    return undefined; // a foreign client's; the tool is there all the same
  }
}

function wordsOf(text: string): string[] {
  const words: string[] = [];
  let start = 0;
  for (let at = 0; at <= text.length; at++) {
    const code = at < text.length ? charCodeAt(text, at) : 32;
    const isWord = (code >= 97 && code <= 122) || (code >= 48 && code <= 57) || code > 127;
    if (isWord) continue;
    if (at > start) setOwn(words, words.length, slice(text, start, at));
    start = at + 1;
  }
  return words;
}

function holds(text: string, words: readonly string[]): boolean {
  for (let index = 0; index < words.length; index++) {
    if (indexOf(text, words[index] as string) === -1) return false;
  }
  return true;
}

/** The names of an object schema's properties, in their order. */
export function propertiesOf(input: unknown): string[] {
  const { properties } = asRecord(input);
  return primordials.keys(asRecord(properties));
}

/** The own properties of a schema, read so that nothing on Object.prototype gets in. */
export function asRecord(value: unknown): Record<string, unknown> {
  const record = primordials.create(null) as Record<string, unknown>;
  if (typeof value !== "object" || value === null || isArray(value)) return record;
  const names = primordials.keys(value);
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as string;
    record[name] = (value as Record<string, unknown>)[name];
  }
  return record;
}
