import { primordials } from "../values/primordials.ts";
import { add, has } from "./lists.ts";

const { charCodeAt, create, slice, toLowerCase } = primordials;

const MAX_WORDS = 16; // of a query
const MAX_WORD = 40;

/** A word of a query: what it is compared by, and what stands for the same in the names of others. */
export interface Term {
  readonly stem: string;
  readonly synonyms: readonly string[];
}

/** Words that say nothing of what is looked for. */
const STOP =
  "a an the of to in on at by for from with into onto and or is are be do does did can could should would will how what " +
  "which who where when i me my we our us you your it its this that these those there some please need want tool tools " +
  "function functions api apis endpoint use using via have has as so";

/** What one author calls so, another calls so. */
const SAME = [
  "get fetch read retrieve show view load lookup",
  "list enumerate index browse all every",
  "search find query discover locate lookup",
  "create add new make insert open start generate schedule",
  "update edit modify change set patch rename",
  "delete remove erase drop clear",
  "send post publish submit message",
  "run execute invoke trigger dispatch",
  "stop cancel abort kill",
  "close finish end complete",
  "user member person people account",
  "repository repo project",
  "folder directory dir",
  "file document doc",
  "organization org",
  "configuration config setting preference",
  "environment env",
  "database db",
  "application app",
  "authentication auth login",
  "authorization auth permission access grant",
  "administrator admin",
  "information info detail",
  "number count total",
  "pr pull merge",
  "issue ticket bug",
  "image picture photo screenshot",
  "event meeting appointment",
];

/** The terms of a query, each once; a query of nothing but stop words is taken by its word. */
export function termsOf(query: string): Term[] {
  const words = wordsOf(query);
  const stems: string[] = [];
  const all: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const stem = stemOf(words[index] as string);
    if (!has(all, stem)) add(all, stem);
    if (!((words[index] as string) in stop()) && !has(stems, stem)) add(stems, stem);
  }
  const kept = stems.length === 0 ? all : stems;
  const terms: Term[] = [];
  for (let index = 0; index < kept.length && index < MAX_WORDS; index++) {
    const stem = kept[index] as string;
    add(terms, { stem, synonyms: synonyms()[stem] ?? [] });
  }
  return terms;
}

/** Words in lower case: `getUserByID` and `get-user_by.id` are four. */
export function wordsOf(text: string): string[] {
  const words: string[] = [];
  const spaced = apart(slice(text, 0, 1_000));
  let start = -1;
  for (let at = 0; at <= spaced.length; at++) {
    const isPart = at < spaced.length && isLetter(charCodeAt(spaced, at));
    if (isPart && start === -1) start = at;
    if (isPart || start === -1) continue;
    add(words, slice(spaced, start, at - start > MAX_WORD ? start + MAX_WORD : at));
    start = -1;
  }
  return words;
}

/** In lower case, with a space where camelCase begins a word. */
export function apart(text: string): string {
  const lower = toLowerCase(text);
  if (lower === text || lower.length !== text.length) return lower;
  let out = "";
  let start = 0;
  for (let at = 1; at < text.length; at++) {
    const isStart = isUpper(text, at) && (!isUpper(text, at - 1) || isLower(text, at + 1));
    if (!isStart) continue;
    out += `${slice(lower, start, at)} `;
    start = at;
  }
  return out + slice(lower, start);
}

function isUpper(text: string, at: number): boolean {
  const code = charCodeAt(text, at);
  return code >= 65 && code <= 90;
}

function isLower(text: string, at: number): boolean {
  const code = charCodeAt(text, at);
  return code >= 97 && code <= 122;
}

/** Of a text in lower case. Whatever is beyond ASCII counts as a letter. */
export function isLetter(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 48 && code <= 57) || code > 127;
}

/** A word without the endings that most often differ: `issues`, `queries`, `deleting`, `created`, `creation`. */
export function stemOf(word: string): string {
  const { length } = word;
  if (length < 4) return word;
  if (ends(word, "ies") && length > 4) return `${slice(word, 0, length - 3)}y`;
  if (ends(word, "sses") || ends(word, "shes") || ends(word, "ches") || ends(word, "xes")) {
    return withoutE(slice(word, 0, length - 2));
  }
  if (ends(word, "tions") && length > 7) return slice(word, 0, length - 4);
  if (ends(word, "tion") && length > 6) return slice(word, 0, length - 3);
  if (ends(word, "s") && !ends(word, "ss") && !ends(word, "us") && !ends(word, "is")) {
    return withoutE(slice(word, 0, length - 1));
  }
  if (ends(word, "ing") && length > 5) return withoutE(single(slice(word, 0, length - 3)));
  if (ends(word, "ed") && length > 4) return withoutE(single(slice(word, 0, length - 2)));
  return withoutE(word);
}

function ends(word: string, ending: string): boolean {
  return slice(word, -ending.length) === ending;
}

function withoutE(word: string): string {
  return word.length > 3 && ends(word, "e") ? slice(word, 0, -1) : word;
}

/** `running` is `run`, `calling` is `call`. */
function single(word: string): string {
  const last = slice(word, -1);
  const isDoubled = word.length > 3 && last === slice(word, -2, -1) && last !== "l" && last !== "s" && last !== "z";
  return isDoubled ? slice(word, 0, -1) : word;
}

let stopWords: Record<string, true> | undefined;
let sameWords: Record<string, string[]> | undefined;

function stop(): Record<string, true> {
  if (stopWords) return stopWords;
  const set = create(null) as Record<string, true>;
  const words = wordsOf(STOP);
  for (let index = 0; index < words.length; index++) set[words[index] as string] = true;
  stopWords = set;
  return set;
}

function synonyms(): Record<string, readonly string[]> {
  if (sameWords) return sameWords;
  const map = create(null) as Record<string, string[]>;
  for (let line = 0; line < SAME.length; line++) {
    const words = wordsOf(SAME[line] as string);
    for (let one = 0; one < words.length; one++) {
      const stem = stemOf(words[one] as string);
      const others = (map[stem] ??= []);
      for (let other = 0; other < words.length; other++) if (other !== one) add(others, stemOf(words[other] as string));
    }
  }
  sameWords = map;
  return map;
}
