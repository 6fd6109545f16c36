import { readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { type Environment, substitute } from "@codemode/proto/settings";
import { type Document, isAlias, isMap, isScalar, LineCounter, type Node, parseDocument, type Scalar } from "yaml";
import { emptyReading, type Entry, type Reading, typed, unknownKey } from "./entries.ts";
import { type Key, keys, sections } from "./schema.ts";

export const CONFIG_FILE = "codemode-client.yaml";
const MAX_SYNTAX_ERRORS = 2;
const MAX_FILE_BYTES = 1_048_576; // a configuration has a few dozen lines

/** The nearest `codemode-client.yaml` in `cwd` or above it. */
export function findConfigFile(cwd: string): string | undefined {
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    const file = join(folder, CONFIG_FILE);
    if (statSync(file, { throwIfNoEntry: false })?.isFile()) return file;
    if (folder === dirname(folder)) return undefined;
  }
}

/** Reads one file; `origin` says who named it (`configPath`, `CODEMODE_CONFIG`), for when it cannot be read. */
export function readYamlFile(file: string, origin: string, cwd: string, env: Environment): Reading {
  const path = resolve(cwd, file);
  const name = relative(cwd, path).startsWith("..") ? path : relative(cwd, path);
  try {
    const { size } = statSync(path);
    if (size > MAX_FILE_BYTES) return refused(`${name}: larger than 1 MiB`);
    return new YamlReader(path, name, readFileSync(path, "utf8"), env).read();
  } catch (error) {
    return refused(`${origin}: cannot read ${JSON.stringify(file)} (${(error as NodeJS.ErrnoException).code})`);
  }
}

function refused(problem: string): Reading {
  return { ...emptyReading(), problems: [problem] };
}

const DANGLING = "an alias (*name) needs its anchor (&name) above it";

/**
 * Walks a parsed document two levels deep, section and key, and never expands anything below: whatever a file hides
 * in aliases stays folded.
 */
class YamlReader {
  readonly #folder: string;
  readonly #name: string;
  readonly #text: string;
  readonly #env: Environment;
  readonly #lines = new LineCounter();
  readonly #document: Document;
  readonly #reading = emptyReading();

  constructor(path: string, name: string, text: string, env: Environment) {
    this.#folder = dirname(path);
    this.#name = name;
    this.#text = text;
    this.#env = env;
    const options = { lineCounter: this.#lines, prettyErrors: false, stringKeys: true, logLevel: "silent" } as const;
    this.#document = parseDocument(text, options);
  }

  read(): Reading {
    const { errors, warnings, contents } = this.#document;
    for (const { message, pos } of [...errors, ...warnings]) {
      this.#reading.problems.push(`${this.#place(pos[0])}: ${explain(message, this.#text, pos[0])}`);
      if (errors.length > MAX_SYNTAX_ERRORS) break; // the rest follows from the first
    }
    if (this.#reading.problems.length > 0) return this.#reading;
    for (const [section, value, at] of this.#pairs(contents, "")) {
      if (!sections.includes(section)) this.#problem(at, section, unknownKey(section));
      else
        for (const [name, leaf, leafAt] of this.#pairs(value, section)) this.#leaf(`${section}.${name}`, leaf, leafAt);
    }
    return this.#reading;
  }

  /** The pairs of a mapping, with the offset of each key. Nothing at all is an empty mapping. */
  *#pairs(written: unknown, path: string): Generator<[name: string, value: unknown, at: number]> {
    const node = this.#resolve(written);
    if (isNothing(node)) return;
    if (node === DANGLING) return this.#problem(offset(written), path || "document", DANGLING);
    if (!isMap<Scalar<string>>(node)) {
      const expected = path ? "expected keys below it" : "expected sections such as executor: and run:";
      this.#problem(offset(written), path || "document", `${expected}, received ${kindOf(node)}`);
      return;
    }
    for (const { key, value } of node.items) yield [key.value, value, offset(key)];
  }

  #leaf(path: string, written: unknown, keyAt: number): void {
    const key = keys.get(path);
    if (!key) return this.#problem(keyAt, path, unknownKey(path));
    const node = this.#resolve(written);
    if (isNothing(node)) return;
    const at = offset(written);
    if (node === DANGLING) return this.#problem(at, path, DANGLING);
    if (!isScalar(node)) return this.#problem(at, path, `expected ${key.kind}, received ${kindOf(node)}`);
    if (typeof node.value !== "string") return this.#add(key, at, node.value);
    const substitution = substitute(node.value, this.#env);
    switch (substitution.kind) {
      case "plain":
        return this.#add(key, at, node.value);
      case "impossible":
        return this.#problem(at, path, substitution.problem);
      case "filled": {
        const { text } = substitution;
        const isQuoted = node.type !== "PLAIN";
        if (text !== "" || isQuoted)
          this.#add(key, at, isQuoted ? text : typed(key, text), `the value of ${node.value}`);
      }
    }
  }

  #add(key: Key, at: number, value: unknown, shownAs?: string): void {
    const source = this.#place(at);
    const meant = key.isPath && typeof value === "string" ? resolve(this.#folder, value) : value;
    const entry: Entry = { key, value: meant, source, label: `${source}: ${key.path}` };
    this.#reading.entries.push(shownAs === undefined ? entry : { ...entry, shownAs });
  }

  #problem(at: number, path: string, message: string): void {
    this.#reading.problems.push(`${this.#place(at)}: ${path}: ${message}`);
  }

  #resolve(node: unknown): unknown {
    return isAlias(node) ? (node.resolve(this.#document) ?? DANGLING) : node;
  }

  #place(at: number): string {
    const { line, col } = this.#lines.linePos(at);
    return `${this.#name}:${line}:${col}`;
  }
}

/** The parser's message, without the text that it quotes after a colon (that may be a secret). */
function explain(message: string, text: string, at: number): string {
  if (message.startsWith("Maximum call stack")) return "nested too deeply";
  if (text.startsWith("${", at - 1)) return "${…} needs quotes inside { } and [ ]";
  return message.replace(/: ".*$/s, "");
}

function offset(node: unknown): number {
  return (node as Node | null)?.range?.[0] ?? 0;
}

function isNothing(node: unknown): boolean {
  return node === null || node === undefined || (isScalar(node) && node.value === null);
}

function kindOf(node: unknown): string {
  return isScalar(node) ? "a single value" : isMap(node) ? "keys" : "a list";
}
