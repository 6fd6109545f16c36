import { readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { CodemodeError } from "@codemode/proto";
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { MAX_BUDGETS, type BudgetCeilings, MIN_HEAP_BYTES } from "../session/budgets.ts";
import { type ApiKey, keyHash } from "./api-key.ts";
import { secret } from "./secret.ts";

const MAX_FILE_BYTES = 1024 * 1024;
const MAX_KEYS = 1_000; // each is compared with every key that is presented
const MAX_PROBLEMS = 20;

/** One, or two while callers change from one to the other. */
const oneOrTwo = (schema: z.ZodType<string>) =>
  z.preprocess((given) => (Array.isArray(given) ? given : [given]), z.array(schema).min(1).max(2));

const ceiling = (name: keyof BudgetCeilings) =>
  z
    .int()
    .min(name === "heapBytes" ? MIN_HEAP_BYTES : 1)
    .max(MAX_BUDGETS[name])
    .optional();

const budgets = z.strictObject({
  wallMs: ceiling("wallMs"),
  waitMs: ceiling("waitMs"),
  cpuMs: ceiling("cpuMs"),
  heapBytes: ceiling("heapBytes"),
  calls: ceiling("calls"),
  callsInFlight: ceiling("callsInFlight"),
  codeBytes: ceiling("codeBytes"),
  argumentBytes: ceiling("argumentBytes"),
  answerBytes: ceiling("answerBytes"),
  resultBytes: ceiling("resultBytes"),
  logBytes: ceiling("logBytes"),
  logLines: ceiling("logLines"),
});

const rate = z
  .strictObject({ perSecond: z.number().min(0.001).max(100_000), burst: z.int().min(1).max(100_000).optional() })
  .transform(({ perSecond, burst = Math.ceil(perSecond) }) => ({ perSecond, burst }));

const entry = z
  .strictObject({
    id: z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/, "1 to 64 characters of [A-Za-z0-9_.-] are needed"),
    key: oneOrTwo(secret).optional(),
    keyFile: oneOrTwo(z.string().min(1)).optional(),
    sha256: oneOrTwo(z.string().regex(/^[0-9a-f]{64}$/i, "64 hexadecimal digits are needed")).optional(),
    weight: z.int().min(1).max(1_000).default(1),
    maxRuns: z.int().min(1).max(1_000_000).default(Infinity),
    rate: rate.optional(),
    budgets: budgets.default({}),
  })
  .refine((of) => [of.key, of.keyFile, of.sha256].filter(Boolean).length === 1, {
    error: "one of key, keyFile and sha256 is needed",
  });

const contents = z.strictObject({ keys: z.array(entry).min(1).max(MAX_KEYS) });

type Path = readonly PropertyKey[];

/**
 * Reads the keys of a YAML file: who may call, and how much.
 *
 * @throws CodemodeError INVALID_CONFIG with every problem on a line of its own, as `file:line:column: what`. No value is
 * repeated: it may be a key.
 */
export function readApiKeysFile(file: string): readonly ApiKey[] {
  const lines = new LineCounter();
  const document = parseDocument(read(file), {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    logLevel: "silent",
  });
  const problem = (at: number, what: string): string => {
    const { line, col } = lines.linePos(at);
    return `${file}:${line}:${col}: ${what}`;
  };
  const syntax = [...document.errors, ...document.warnings].map(({ message, pos }) =>
    problem(pos[0], unquoted(message)),
  );
  if (syntax.length > 0) throw refused(syntax);
  const parsed = contents.safeParse(plain(document, problem));
  if (!parsed.success) {
    throw refused(
      parsed.error.issues.map((issue) => {
        const unknown = issue.code === "unrecognized_keys" ? issue.keys.slice(0, 1) : [];
        return problem(offset(document, [...issue.path, ...unknown]), `${said(issue.path)}${issue.message}`);
      }),
    );
  }
  const problems: string[] = [];
  const owners = new Map<string, string>();
  const keys = parsed.data.keys.map(({ key, keyFile, sha256, ...rest }, index): ApiKey => {
    const complain = (field: string, what: string): void =>
      void problems.push(problem(offset(document, ["keys", index, field]), `${said(["keys", index, field])}${what}`));
    if (parsed.data.keys.findIndex(({ id }) => id === rest.id) < index) complain("id", "another key has it already");
    const field = key ? "key" : keyFile ? "keyFile" : "sha256";
    const secrets = key ?? keyFile?.flatMap((path) => secretIn(path, file, (what) => complain(field, what)));
    const hashes = secrets?.map(keyHash) ?? sha256?.map((hex) => Buffer.from(hex, "hex")) ?? [];
    for (const hash of hashes.map((bytes) => bytes.toString("hex"))) {
      if (owners.has(hash)) complain(field, `it is the key of ${owners.get(hash)} too`);
      owners.set(hash, rest.id);
    }
    return { ...rest, hashes };
  });
  if (problems.length > 0) throw refused(problems);
  return keys;
}

function read(file: string): string {
  try {
    if (statSync(file).size > MAX_FILE_BYTES) throw refused([`${file}: larger than 1 MiB`]);
    return readFileSync(file, "utf8");
  } catch (error) {
    if (CodemodeError.is(error)) throw error;
    throw refused([`cannot read "${file}" (${(error as NodeJS.ErrnoException).code})`]);
  }
}

/** A path is relative to the file that names it. */
function secretIn(path: string, file: string, complain: (what: string) => void): string[] {
  try {
    const parsed = secret.safeParse(readFileSync(resolve(dirname(file), path), "utf8").trim());
    if (parsed.success) return [parsed.data];
    complain(parsed.error.issues[0]?.message ?? "no key");
  } catch (error) {
    complain(`cannot read "${path}" (${(error as NodeJS.ErrnoException).code})`);
  }
  return [];
}

/** Without what hides in aliases by the million. */
function plain(document: Document, problem: (at: number, what: string) => string): unknown {
  try {
    return document.toJS({ maxAliasCount: MAX_KEYS });
  } catch {
    throw refused([problem(0, "its aliases cannot be followed")]);
  }
}

/** Where what `path` leads to is written; else what it would be in. */
function offset(document: Document, path: Path): number {
  const parent = path.length > 0 ? document.getIn(path.slice(0, -1), true) : undefined;
  const pair = isMap(parent) ? parent.items.find(({ key }) => isScalar(key) && key.value === path.at(-1)) : undefined;
  if (isNode(pair?.key)) return pair.key.range?.[0] ?? 0;
  const node = document.getIn(path, true);
  if (isNode(node)) return node.range?.[0] ?? 0;
  return path.length > 0 ? offset(document, path.slice(0, -1)) : 0;
}

/** `keys[0].rate: `, as people write it. */
function said(path: Path): string {
  const text = path.map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`)).join("");
  return text && `${text.slice(1)}: `;
}

function unquoted(message: string): string {
  return message.replace(/: .*$/s, "");
}

function refused(problems: readonly string[]): CodemodeError {
  const rest = problems.length - MAX_PROBLEMS;
  const lines = [...problems.slice(0, MAX_PROBLEMS), ...(rest > 0 ? [`… and ${rest} more problems`] : [])];
  return new CodemodeError(
    "INVALID_CONFIG",
    lines.map((line) => `CODEMODE_EXECUTOR_API_KEYS_FILE: ${line}`).join("\n"),
  );
}
