import { readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { CodemodeError } from "@codemode/proto";
import { type Environment, substitute } from "@codemode/proto/settings";
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument, type Scalar, visit } from "yaml";
import type { z } from "zod";

const MAX_BYTES = 1024 * 1024;
const MAX_ALIASES = 1_000; // what hides in aliases of aliases is not followed
const MAX_PROBLEMS = 20;

/** Leads to a value: names of keys and places in lists. */
type Path = readonly PropertyKey[];

/** One key at the top of a file. */
export interface YamlEntry {
  readonly key: string;
  readonly value: unknown;
  /** Where they are written: `file:line:column`. */
  readonly keyPlace: string;
  readonly valuePlace: string;
  /** True when the value stands there as it is, and not in a variable or elsewhere in the file. */
  readonly isLiteral: boolean;
}

/**
 * A YAML file that knows where each of its values is written. `${VAR}` is filled in, value by value, never in the text.
 * No error repeats a value: it may be a secret.
 */
export class YamlFile {
  readonly #name: string;
  readonly #origin: string;
  readonly #lines = new LineCounter();
  readonly #document: Document;
  readonly #filled = new WeakSet<Scalar>();

  /**
   * Reads the file `name`, which `origin` (an option or a variable) names.
   *
   * @throws CodemodeError INVALID_CONFIG when it cannot be read, is no YAML, or needs a variable that is not set.
   */
  constructor(name: string, origin: string, env: Environment) {
    this.#name = name;
    this.#origin = origin;
    const options = { lineCounter: this.#lines, prettyErrors: false, stringKeys: true, logLevel: "silent" } as const;
    this.#document = parseDocument(this.#read(), options);
    const { errors, warnings } = this.#document;
    // What stands after a colon is quoted from the file.
    this.refuse([...errors, ...warnings].map(({ message, pos }) => this.#at(pos[0], message.replace(/: .*$/s, ""))));
    this.#fillIn(env);
  }

  /** The folder that it is in, which names of files are relative to. */
  get folder(): string {
    return dirname(this.#name);
  }

  /**
   * What it holds, key by key. Nothing at all is no keys.
   *
   * @throws CodemodeError INVALID_CONFIG when it holds anything else.
   */
  entries(): readonly YamlEntry[] {
    const { contents } = this.#document;
    const plain = this.#plain();
    if (plain === null) return [];
    if (!isMap<Scalar<string>>(contents))
      throw this.#error([this.#at(0, "keys such as workers: and listen: are needed")]);
    return contents.items.map(({ key, value }) => ({
      key: key.value,
      value: (plain as Record<string, unknown>)[key.value],
      keyPlace: this.#place(offsetOf(key)),
      valuePlace: this.#place(offsetOf(value)),
      isLiteral: isScalar(value) && !this.#filled.has(value),
    }));
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
      return this.problem([...issue.path, ...unknown], issue.message);
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
      const { code } = error as NodeJS.ErrnoException;
      throw this.#error([`${this.#origin}: cannot read "${this.#name}" (${code})`]);
    }
    throw this.#error([`${this.#origin}: "${this.#name}" is larger than 1 MiB`]);
  }

  #fillIn(env: Environment): void {
    const problems: string[] = [];
    visit(this.#document, {
      Scalar: (role, node) => {
        if (role === "key" || typeof node.value !== "string") return;
        const substitution = substitute(node.value, env);
        if (substitution.kind === "plain") return;
        if (substitution.kind === "impossible") problems.push(this.#at(offsetOf(node), substitution.problem));
        else {
          node.value = node.type === "PLAIN" ? substitution.text || null : substitution.text;
          this.#filled.add(node);
        }
      },
    });
    this.refuse(problems);
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
    return isNode(node) && node.range ? offsetOf(node) : this.#offset(path.slice(0, -1));
  }

  #at(offset: number, what: string): string {
    return `${this.#place(offset)}: ${what}`;
  }

  #place(offset: number): string {
    const { line, col } = this.#lines.linePos(offset);
    return `${this.#name}:${line}:${col}`;
  }

  #error(problems: readonly string[]): CodemodeError {
    const rest = problems.length - MAX_PROBLEMS;
    const shown = [...problems.slice(0, MAX_PROBLEMS), ...(rest > 0 ? [`… and ${rest} more problems`] : [])];
    return new CodemodeError("INVALID_CONFIG", shown.join("\n"));
  }
}

function offsetOf(node: unknown): number {
  return isNode(node) ? (node.range?.[0] ?? 0) : 0;
}

/** `keys[0].rate: `, as people write it. */
function written(path: Path): string {
  const text = path.map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`)).join("");
  return text && `${text.slice(1)}: `;
}
