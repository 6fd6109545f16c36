import { primordials, setOwn } from "@codemode/proto/values";
import { signatureOf } from "./signature.ts";

const { charCodeAt, indexOf, isArray, mapGet, mapSet, MathMin, slice, toLowerCase } = primordials;

export type ComponentKind = "tool" | "agent";

/** A tool or agent as the manifest has it. */
export interface Entry {
  readonly kind: ComponentKind;
  readonly name: string;
  readonly description: string;
  /** JSON Schema; undefined when anything goes. */
  readonly input: unknown;
  readonly output: unknown;
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

/** What a run may call, with descriptions and schemas. Read only when the program asks, or has made a mistake. */
export class Catalog {
  readonly #text: string;
  #entries: readonly Entry[] | undefined;
  readonly #byName: object = new primordials.Map();

  /** `text` is JSON: rows of tools and rows of agents. */
  constructor(text: string) {
    this.#text = text;
  }

  entries(): readonly Entry[] {
    if (this.#entries) return this.#entries;
    const entries: Entry[] = [];
    const { tools, agents } = primordials.parse(this.#text) as { tools: Row[]; agents: Row[] };
    const add = (kind: ComponentKind, rows: readonly Row[]): void => {
      for (let index = 0; index < rows.length; index++) {
        const row = rows[index] as Row;
        const entry = { kind, name: row[0], description: row[1], input: schema(row[2]), output: schema(row[3]) };
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
    this.entries();
    return mapGet(this.#byName, `${kind}s.${name}`) as Entry | undefined;
  }

  /** How a component is called; empty when there is none of that name. */
  signature(kind: ComponentKind, name: string): string {
    const entry = this.find(kind, name);
    return entry ? signatureOf(entry) : "";
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
    const entries = this.entries();
    const names: string[] = [];
    for (let index = 0; index < entries.length; index++) {
      const entry = entries[index] as Entry;
      if (entry.kind === kind) setOwn(names, names.length, entry.name);
    }
    return nearest(name, names);
  }
}

export function toFound(entry: Entry): Found {
  const { name, kind, description } = entry;
  return { name, kind, description, signature: signatureOf(entry) };
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

/** Up to three of `names` that `name` may have been meant to be, the nearest first. */
export function nearest(name: string, names: readonly string[]): string[] {
  const best: string[] = [];
  const wanted = canonical(name);
  const words = sortedWords(name);
  for (let index = 0; index < names.length; index++) {
    if (sortedWords(names[index] as string) === words) setOwn(best, best.length, names[index]);
  }
  const within = wanted.length <= 4 ? 1 : MathMin(5, primordials.MathFloor(wanted.length / 2));
  for (let allowed = 0; allowed <= within && best.length < 3; allowed++) {
    for (let index = 0; index < names.length && best.length < 3; index++) {
      const other = canonical(names[index] as string);
      const near =
        allowed === 0 || primordials.abs(other.length - wanted.length) <= allowed ? distance(wanted, other) : Infinity;
      if (near === allowed && !isIn(best, names[index] as string)) setOwn(best, best.length, names[index]);
    }
  }
  for (let index = 0; index < names.length && best.length < 3 && wanted.length > 2; index++) {
    const other = canonical(names[index] as string);
    const part = indexOf(other, wanted) !== -1 || (other.length > 2 && indexOf(wanted, other) !== -1);
    if (part && !isIn(best, names[index] as string)) setOwn(best, best.length, names[index]);
  }
  return best;
}

function isIn(list: readonly string[], text: string): boolean {
  for (let index = 0; index < list.length; index++) if (list[index] === text) return true;
  return false;
}

/** A name without what models get wrong in it: case, dashes, underscores, dots. */
export function canonical(name: string): string {
  let text = "";
  for (let at = 0; at < name.length && at < 128; at++) {
    const code = charCodeAt(name, at);
    if (code !== 45 && code !== 46 && code !== 95) text += slice(name, at, at + 1);
  }
  return toLowerCase(text);
}

/** The words of a name in one order, so that `listUsers` is `users.list`. */
function sortedWords(name: string): string {
  const words: string[] = [];
  let word = "";
  const end = (): void => {
    const ended = word;
    if (ended === "") return;
    word = "";
    let at = words.length;
    for (; at > 0 && (words[at - 1] as string) > ended; at--) setOwn(words, at, words[at - 1]);
    setOwn(words, at, ended);
  };
  for (let at = 0; at < name.length && at < 128; at++) {
    const code = charCodeAt(name, at);
    const isBreak = code === 45 || code === 46 || code === 95;
    if (isBreak || (code >= 65 && code <= 90)) end();
    if (!isBreak) word += toLowerCase(slice(name, at, at + 1));
  }
  end();
  let text = "";
  for (let index = 0; index < words.length; index++) text += `${words[index]} `;
  return text;
}

/** Levenshtein's, with a swap of neighbours as one edit. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let last: number[] = [];
  for (let j = 0; j <= b.length; j++) setOwn(last, j, j);
  for (let i = 1; i <= a.length; i++) {
    const row: number[] = [];
    setOwn(row, 0, i);
    for (let j = 1; j <= b.length; j++) {
      const same = charCodeAt(a, i - 1) === charCodeAt(b, j - 1);
      let cost = MathMin((last[j] as number) + 1, (row[j - 1] as number) + 1, (last[j - 1] as number) + (same ? 0 : 1));
      const swapped =
        i > 1 &&
        j > 1 &&
        charCodeAt(a, i - 1) === charCodeAt(b, j - 2) &&
        charCodeAt(a, i - 2) === charCodeAt(b, j - 1);
      if (swapped) cost = MathMin(cost, (before[j - 2] as number) + 1);
      setOwn(row, j, cost);
    }
    before = last;
    last = row;
  }
  return last[b.length] as number;
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
