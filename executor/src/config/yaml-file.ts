import { readFileSync, statSync } from "node:fs";
import { CodemodeError } from "@codemode/proto";
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from "yaml";
import type { z } from "zod";

const MAX_BYTES = 1024 * 1024;
const MAX_ALIASES = 1_000; // what hides in aliases of aliases is not followed
const MAX_PROBLEMS = 20;

/** Leads to a value: names of keys and places in lists. */
type Path = readonly PropertyKey[];

/** A YAML file that knows where each of its values is written. No error repeats a value: it may be a secret. */
export class YamlFile {
  readonly #name: string;
  readonly #variable: string;
  readonly #lines = new LineCounter();
  readonly #document: Document;

  /**
   * Reads the file `name`, which the environment variable `variable` names.
   *
   * @throws CodemodeError INVALID_CONFIG when it cannot be read or is no YAML.
   */
  constructor(name: string, variable: string) {
    this.#name = name;
    this.#variable = variable;
    const options = { lineCounter: this.#lines, prettyErrors: false, stringKeys: true, logLevel: "silent" } as const;
    this.#document = parseDocument(this.#read(), options);
    const { errors, warnings } = this.#document;
    // What stands after a colon is quoted from the file.
    this.refuse([...errors, ...warnings].map(({ message, pos }) => this.#at(pos[0], message.replace(/: .*$/s, ""))));
  }

  /**
   * What it holds.
   *
   * @throws CodemodeError INVALID_CONFIG with every problem and its place.
   */
  parse<T>(schema: z.ZodType<T>): T {
    const parsed = schema.safeParse(this.#plain());
    if (parsed.success) return parsed.data;
    const problems = parsed.error.issues.map((issue) => {
      const unknown = issue.code === "unrecognized_keys" ? issue.keys.slice(0, 1) : [];
      return this.#at(this.#offset([...issue.path, ...unknown]), `${written(issue.path)}${issue.message}`);
    });
    throw this.#error(problems);
  }

  /** A line that says what is wrong with the value at `path`, and where that is. */
  problem(path: Path, what: string): string {
    return this.#at(this.#offset(path), `${written(path)}${what}`);
  }

  /** Throws CodemodeError INVALID_CONFIG when there are problems. */
  refuse(problems: readonly string[]): void {
    if (problems.length > 0) throw this.#error(problems);
  }

  #read(): string {
    try {
      if (statSync(this.#name).size <= MAX_BYTES) return readFileSync(this.#name, "utf8");
    } catch (error) {
      throw this.#error([`cannot read "${this.#name}" (${(error as NodeJS.ErrnoException).code})`]);
    }
    throw this.#error([`"${this.#name}" is larger than 1 MiB`]);
  }

  #plain(): unknown {
    try {
      return this.#document.toJS({ maxAliasCount: MAX_ALIASES });
    } catch {
      throw this.#error([this.#at(0, "its aliases cannot be followed")]);
    }
  }

  /** Where the key or the item is written that `path` leads to; where it is missing, what it would be in. */
  #offset(path: Path): number {
    if (path.length === 0) return 0;
    const parent = this.#document.getIn(path.slice(0, -1), true);
    const pair = isMap(parent) ? parent.items.find(({ key }) => isScalar(key) && key.value === path.at(-1)) : undefined;
    const node = pair?.key ?? this.#document.getIn(path, true);
    return isNode(node) && node.range ? node.range[0] : this.#offset(path.slice(0, -1));
  }

  #at(offset: number, what: string): string {
    const { line, col } = this.#lines.linePos(offset);
    return `${this.#name}:${line}:${col}: ${what}`;
  }

  #error(problems: readonly string[]): CodemodeError {
    const rest = problems.length - MAX_PROBLEMS;
    const shown = [...problems.slice(0, MAX_PROBLEMS), ...(rest > 0 ? [`… and ${rest} more problems`] : [])];
    return new CodemodeError("INVALID_CONFIG", shown.map((problem) => `${this.#variable}: ${problem}`).join("\n"));
  }
}

/** `keys[0].rate: `, as people write it. */
function written(path: Path): string {
  const text = path.map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`)).join("");
  return text && `${text.slice(1)}: `;
}
