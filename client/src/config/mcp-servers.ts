import { readFileSync, statSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { type Environment, nearest, substitute } from "@codemode/proto/settings";
import { type Document, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import { z } from "zod";
import { ConfigError } from "../errors.ts";
import { asText } from "./messages.ts";

/** How one MCP server is started, or reached. Its variables and headers hold secrets: they are for nobody's eyes. */
export type McpTransport =
  | {
      readonly kind: "stdio";
      readonly command: string;
      readonly args: readonly string[];
      readonly env: Readonly<Record<string, string>>;
      readonly cwd: string | undefined;
    }
  | { readonly kind: "http" | "sse"; readonly url: URL; readonly headers: Readonly<Record<string, string>> };

/** One server of a configuration. */
export interface McpServerEntry {
  /** Its key, as it was written. */
  readonly name: string;
  /** Where its key stands: `mcp.json:3:5`. */
  readonly place: string;
  readonly transport: McpTransport;
}

export interface McpServersFile {
  readonly servers: readonly McpServerEntry[];
  /** One line each: what is written and changes nothing. */
  readonly warnings: readonly string[];
}

const MAX_FILE_BYTES = 1_048_576;
const MAX_ALIASES = 100;
const MAX_SERVERS = 200;

/**
 * Reads the `mcpServers` of a file as Claude and Cursor have it, in JSON or YAML. `${VAR}`, `${env:VAR}` and their forms with
 * a default are filled in from the environment. Servers that are `disabled` are left out.
 *
 * @throws {@link ConfigError} with one line for each problem, which names its place and shows no value.
 */
export function readMcpServers(file: string, env: Environment, cwd: string): McpServersFile {
  const path = resolve(cwd, file);
  const name = relative(cwd, path).startsWith("..") ? path : relative(cwd, path);
  let text: string;
  try {
    if (statSync(path).size > MAX_FILE_BYTES) throw new ConfigError(`${name}: larger than 1 MiB`);
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(`--config: cannot read ${JSON.stringify(file)} (${(error as NodeJS.ErrnoException).code})`);
  }
  return new Reader(name, dirname(path), text, env).read();
}

type Path = readonly (string | number)[];

/** Walks one file; problems are gathered, so that all are told at once. */
class Reader {
  readonly #name: string;
  readonly #folder: string;
  readonly #env: Environment;
  readonly #lines = new LineCounter();
  readonly #document: Document;
  readonly #problems: string[] = [];
  readonly #warnings: string[] = [];

  constructor(name: string, folder: string, text: string, env: Environment) {
    this.#name = name;
    this.#folder = folder;
    this.#env = env;
    const options = { lineCounter: this.#lines, prettyErrors: false, stringKeys: true, logLevel: "silent" } as const;
    this.#document = parseDocument(text, options);
  }

  read(): McpServersFile {
    const servers = this.#servers();
    if (this.#problems.length > 0) throw new ConfigError(asText(this.#problems));
    return { servers, warnings: this.#warnings };
  }

  #servers(): McpServerEntry[] {
    const [error] = this.#document.errors;
    // The parser's message, without the text that it quotes after a colon: that may be a secret.
    if (error) return this.#refuse(error.pos[0], error.message.replace(/: ".*$/s, ""));
    const written = this.#value();
    if (!isRecord(written) || !isRecord(written["mcpServers"])) {
      return this.#refuse(0, "expected mcpServers: an object with a server below each name");
    }
    const entries = Object.entries(written["mcpServers"]);
    if (entries.length > MAX_SERVERS) return this.#refuse(0, `${entries.length} servers, at most ${MAX_SERVERS}`);
    return entries.flatMap(([name, server]) => this.#server(name, server) ?? []);
  }

  /** What is written, as plain values; undefined when its aliases multiply beyond reason. */
  #value(): unknown {
    try {
      return this.#document.toJS({ maxAliasCount: MAX_ALIASES });
    } catch {
      return undefined;
    }
  }

  #server(name: string, written: unknown): McpServerEntry | undefined {
    const path = ["mcpServers", name];
    if (!isRecord(written)) return this.#problem(path, "expected command, or url, below it");
    if (written["disabled"] === true) return undefined;
    const isLocal = "command" in written;
    if (isLocal === "url" in written) {
      return this.#problem(path, `expected command, or url${isLocal ? ", and not both" : ""}`);
    }
    const known = isLocal ? stdio : remote;
    for (const key of Object.keys(written)) {
      if (key in known.shape || IGNORED.has(key)) continue;
      const guess = nearest(key, Object.keys(known.shape));
      const advice = guess ? `did you mean ${guess}?` : "it changes nothing";
      this.#warnings.push(
        `${this.#place([...path, key])}: server ${quoted(name)}: unknown key ${quoted(key)}, ${advice}`,
      );
    }
    const filled = this.#fill(path, written);
    const parsed = known.safeParse(filled);
    for (const { path: inside, message } of parsed.error?.issues ?? []) {
      this.#problem([...path, ...(inside as Path)], message.replace(/^Invalid input: /, ""));
    }
    if (!parsed.success) return undefined;
    return { name, place: this.#place(path), transport: this.#transport(parsed.data) };
  }

  #transport(server: z.infer<typeof stdio> | z.infer<typeof remote>): McpTransport {
    if ("command" in server) {
      const { command, args, env, cwd } = server;
      return { kind: "stdio", command, args, env, cwd: cwd === undefined ? undefined : resolve(this.#folder, cwd) };
    }
    return { kind: server.type === "sse" ? "sse" : "http", url: new URL(server.url), headers: server.headers };
  }

  /** `written` with every `${…}` in its texts filled in. */
  #fill(path: Path, written: unknown): unknown {
    if (Array.isArray(written)) return written.map((item, index) => this.#fill([...path, index], item));
    if (isRecord(written)) {
      return Object.fromEntries(
        Object.entries(written).map(([key, value]) => [key, this.#fill([...path, key], value)]),
      );
    }
    if (typeof written !== "string") return written;
    const filled = substitute(written.replaceAll("${env:", "${"), this.#env);
    switch (filled.kind) {
      case "plain":
        return written;
      case "filled":
        return filled.text;
      case "impossible":
        this.#problem(path, filled.problem);
        return written;
    }
  }

  #problem(path: Path, message: string): undefined {
    const [, name, ...inside] = path;
    const key = inside.length === 0 ? "" : `${inside.join(".")}: `;
    this.#problems.push(`${this.#place(path)}: server ${quoted(String(name))}: ${key}${message}`);
  }

  #refuse(at: number, message: string): [] {
    this.#problems.push(`${this.#at(at)}: ${message}`);
    return [];
  }

  /** Where the key, or the item, at `path` stands; of what is missing, what it is missing in. */
  #place(path: Path): string {
    let node: unknown = this.#document.contents;
    let at = 0;
    for (const step of path) {
      if (isMap(node)) {
        const pair = node.items.find(({ key }) => isScalar(key) && key.value === step);
        if (!pair) break;
        at = offset(pair.key);
        node = pair.value;
      } else if (isSeq(node)) {
        node = node.items[Number(step)];
        at = offset(node);
      } else break;
    }
    return this.#at(at);
  }

  #at(at: number): string {
    const { line, col } = this.#lines.linePos(at);
    return `${this.#name}:${line}:${col}`;
  }
}

const text = z.string({ error: "expected a text" }).min(1, "expected a text that is not empty");
const scalar = z.union([z.string(), z.number(), z.boolean()], { error: "expected a text" }).transform(String);
const texts = z.record(z.string(), scalar, { error: "expected names with a text each" }).default({});
const isHttp = (value: string): boolean => /^https?:$/.test(URL.parse(value)?.protocol ?? "");

const stdio = z.object({
  command: text,
  args: z.array(scalar, { error: "expected a list of texts" }).default([]),
  env: texts,
  cwd: text.optional(),
});
const remote = z.object({
  url: text.refine(isHttp, "expected an address such as https://host/mcp"),
  headers: texts,
  type: z.string().optional(),
});
/** Keys of other programs, and those that say again what the rest says. */
const IGNORED = new Set(["type", "transport", "disabled", "description", "alwaysAllow", "autoApprove"]);

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function offset(node: unknown): number {
  return (node as Node | null)?.range?.[0] ?? 0;
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
