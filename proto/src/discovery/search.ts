import { primordials } from "../values/primordials.ts";
import { add, asList, asRecord } from "./lists.ts";
import { apart, isLetter, stemOf, type Term, termsOf } from "./words.ts";

const { charCodeAt, hasOwn, indexOf, keys, log, MathFloor, MathMin, slice, sort, toLowerCase, Uint32Array } =
  primordials;

// Search
// ==========================================================================
// Ranks tools by the words of a query: the more of the words, the rarer they are, and the nearer to the name they stand,
// the better. Any word will do; what has none of them is not found.
//
// All texts are one text, in which the language's own `indexOf` finds the words. Inside an isolate, where nothing is
// compiled, this takes a tenth of the time of an index of words, and most runs search once or never.

/** What is searched of a tool. */
export interface Searched {
  readonly name: string;
  readonly description: string;
  /** JSON Schema of its arguments: their names, and what may be chosen for them, such as a state that is `closed`. */
  readonly input: unknown;
}

/** Parts of a tool, in their order in the text, and what a word counts in each. */
const FIELDS = 5;
const WEIGHTS = [1.5, 3, 5, 2, 1] as const; // outer namespaces, namespace, name, description, parameters
const NAME = 2;
const MAX_DESCRIPTION = 600;
const MAX_PARAMETERS = 600;
const MAX_WORD = 60; // units of the name of an argument
const MAX_CHOICES = 12; // for one argument
const UNIT = 1_000; // weights are kept as whole numbers
const MAX_HITS = 20_000; // of one word: more are not counted, a word of that many says nothing

const SYNONYM = 0.4;
const PREFIX = 0.4; // a longer word that begins so: `auth` for `authorize`
const SATURATION = 2; // a word that is there twice is not twice as good

/** An index of tools, in the order in which equals are told. */
export class SearchIndex {
  readonly #text: string;
  /** Where each field begins, {@link FIELDS} for each tool, and where the last ends. */
  readonly #starts: Uint32Array;
  readonly #size: number;
  readonly #nameLength: number;

  constructor(size: number, entry: (index: number) => Searched) {
    this.#size = size;
    this.#starts = new Uint32Array(size * FIELDS + 1);
    let text = "";
    let length = 0;
    let names = 0;
    const put = (at: number, part: string): void => {
      this.#starts[at] = length;
      text += `${part}\n`;
      length += part.length + 1;
    };
    for (let index = 0; index < size; index++) {
      const { name, description, input } = entry(index);
      const dot = lastDot(name);
      const space = dot === -1 ? "" : slice(name, 0, dot);
      const inner = lastDot(space);
      const own = apart(slice(name, dot + 1));
      names += own.length;
      put(index * FIELDS, apart(slice(space, 0, inner === -1 ? 0 : inner)));
      put(index * FIELDS + 1, apart(slice(space, inner + 1)));
      put(index * FIELDS + NAME, own);
      put(index * FIELDS + 3, toLowerCase(slice(description, 0, MAX_DESCRIPTION)));
      put(index * FIELDS + 4, parametersText(input));
    }
    this.#starts[size * FIELDS] = length;
    this.#text = text;
    this.#nameLength = size === 0 ? 1 : names / size;
  }

  /** Places of the tools that have a word of `query`, the best first; of all tools when it has no words. */
  search(query: string): number[] {
    const terms = termsOf(query);
    const found: number[] = [];
    if (terms.length === 0) {
      for (let index = 0; index < this.#size; index++) add(found, index);
      return found;
    }
    const scores = new Uint32Array(this.#size);
    const covered = new Uint32Array(this.#size);
    let most = 0;
    for (let index = 0; index < terms.length; index++) {
      const counts = this.#count(terms[index] as Term);
      let has = 0;
      for (let at = 0; at < this.#size; at++) if ((counts[at] as number) > 0) has += 1;
      const rarity = log(1 + (this.#size - has + 0.5) / (has + 0.5));
      most += rarity;
      for (let at = 0; at < this.#size; at++) {
        const count = (counts[at] as number) / UNIT;
        if (count === 0) continue;
        scores[at] = (scores[at] as number) + UNIT * rarity * (count / (count + SATURATION));
        covered[at] = (covered[at] as number) + UNIT * rarity * MathMin(1, count);
      }
    }
    for (let at = 0; at < this.#size; at++) {
      if ((scores[at] as number) === 0) continue;
      // Two words of three are better than one that is there often.
      scores[at] = ((scores[at] as number) * (UNIT + (covered[at] as number) / most)) / UNIT;
      add(found, at);
    }
    return sort(found, (a, b) => (scores[b] as number) - (scores[a] as number) || a - b);
  }

  /** What each tool has of a term, in units of {@link UNIT}. */
  #count({ stem, synonyms }: Term): Uint32Array {
    const counts = new Uint32Array(this.#size);
    this.#add(counts, stem, 1);
    for (let index = 0; index < synonyms.length; index++) this.#add(counts, synonyms[index] as string, SYNONYM);
    return counts;
  }

  /** Each field counts a word once, and the best of a term and its synonyms. */
  #add(counts: Uint32Array, stem: string, factor: number): void {
    const isWhole = charCodeAt(stem, 0) < 0x2e80; // scripts without spaces are searched for as parts of words
    const start = slice(stem, -1) === "y" && stem.length > 3 ? slice(stem, 0, -1) : stem; // `query`, `queries`
    let tool = -1;
    let total = 0;
    const best = new Uint32Array(FIELDS);
    const end = (): void => {
      if (tool >= 0 && total > (counts[tool] as number)) counts[tool] = total;
    };
    let at = indexOf(this.#text, start);
    for (let hits = 0; at !== -1 && hits < MAX_HITS; hits++) {
      const quality = isWhole ? this.#quality(at, start, stem) : 1;
      if (quality > 0) {
        const field = this.#fieldAt(at);
        const which = MathFloor(field / FIELDS);
        if (which !== tool) {
          end();
          tool = which;
          total = 0;
          for (let kind = 0; kind < FIELDS; kind++) best[kind] = 0;
        }
        const kind = field % FIELDS;
        const value = MathFloor(quality * factor * this.#weight(field, kind) * UNIT);
        if (value > (best[kind] as number)) {
          total += value - (best[kind] as number);
          best[kind] = value;
        }
      }
      at = indexOf(this.#text, start, at + start.length);
    }
    end();
  }

  /** A word in a short name says more of it. */
  #weight(field: number, kind: number): number {
    const weight = WEIGHTS[kind] as number;
    if (kind !== NAME) return weight;
    const length = (this.#starts[field + 1] as number) - (this.#starts[field] as number) - 1;
    return weight / (0.6 + (0.4 * length) / this.#nameLength);
  }

  /** Whether the word at `at` is the one that is looked for, or begins as it does. */
  #quality(at: number, start: string, stem: string): number {
    if (at > 0 && isLetter(charCodeAt(this.#text, at - 1))) return 0;
    let end = at + start.length;
    while (isLetter(charCodeAt(this.#text, end))) end++; // each field ends with a line break
    const word = slice(this.#text, at, end);
    if (stemOf(word) === stem) return 1;
    return stem.length > 2 && indexOf(word, stem) === 0 ? PREFIX : 0;
  }

  #fieldAt(at: number): number {
    let low = 0;
    let high = this.#size * FIELDS;
    while (high - low > 1) {
      const middle = MathFloor((low + high) / 2);
      if ((this.#starts[middle] as number) <= at) low = middle;
      else high = middle;
    }
    return low;
  }
}

function lastDot(name: string): number {
  let last = -1;
  for (let at = indexOf(name, "."); at !== -1; at = indexOf(name, ".", at + 1)) last = at;
  return last;
}

function parametersText(input: unknown): string {
  const properties = asRecord(asRecord(input)["properties"]);
  const names = keys(properties);
  let text = "";
  for (let index = 0; index < names.length && text.length < MAX_PARAMETERS; index++) {
    const name = names[index] as string;
    text += `${apart(slice(name, 0, MAX_WORD))} `;
    const node = properties[name] as { enum?: unknown } | null;
    const choices = asList(typeof node === "object" && node !== null && hasOwn(node, "enum") ? node.enum : undefined);
    for (let at = 0; at < choices.length && at < MAX_CHOICES; at++) {
      const choice = choices[at];
      if (typeof choice === "string") text += `${apart(slice(choice, 0, MAX_WORD))} `;
    }
  }
  return text;
}
