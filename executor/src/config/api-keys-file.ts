import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { CodemodeError } from "@codemode/proto";
import type { Environment } from "@codemode/proto/settings";
import { z } from "zod";
import { type BudgetCeilings, MAX_BUDGETS, MIN_HEAP_BYTES } from "../session/budgets.ts";
import { type ApiKey, keyHash } from "./api-key.ts";
import { unknownKey } from "./given.ts";
import { parseSecret, secretProblem } from "./secret.ts";
import { YamlFile } from "./yaml-file.ts";

const MAX_KEYS = 1_000; // each is compared with every key that is presented

/** One, or two while callers change from one to the other. */
const oneOrTwo = (schema: z.ZodType<string>) =>
  z.preprocess((given) => (Array.isArray(given) ? given : [given]), z.array(schema).min(1).max(2));

const secret = z.string().check((context) => {
  const message = secretProblem(context.value);
  if (message !== undefined) context.issues.push({ code: "custom", message, input: context.value });
});

/** A number, or its digits, as a variable gives them. */
const number = <S extends z.ZodType<number>>(schema: S) =>
  z.preprocess((given) => (typeof given === "string" && /^[\d.]{1,15}$/.test(given) ? Number(given) : given), schema);
const whole = (least: number, most: number) => number(z.int().min(least).max(most));
const ceiling = (name: keyof BudgetCeilings, least = 1) => whole(least, MAX_BUDGETS[name]).optional();

/** An object of these keys alone; of another one the nearest is told. */
const only = <S extends z.ZodRawShape>(shape: S) =>
  z.strictObject(shape, {
    error: (issue) =>
      issue.code === "unrecognized_keys" ? unknownKey(issue.keys[0] ?? "", Object.keys(shape)) : undefined,
  });

const budgets = only({
  wallMs: ceiling("wallMs"),
  waitMs: ceiling("waitMs"),
  cpuMs: ceiling("cpuMs"),
  heapBytes: ceiling("heapBytes", MIN_HEAP_BYTES),
  calls: ceiling("calls"),
  callsInFlight: ceiling("callsInFlight"),
  codeBytes: ceiling("codeBytes"),
  argumentBytes: ceiling("argumentBytes"),
  answerBytes: ceiling("answerBytes"),
  resultBytes: ceiling("resultBytes"),
  logBytes: ceiling("logBytes"),
  logLines: ceiling("logLines"),
});

const rate = only({
  perSecond: number(z.number().min(0.001).max(100_000)),
  burst: whole(1, 100_000).optional(),
}).transform(({ perSecond, burst = Math.ceil(perSecond) }) => ({ perSecond, burst }));

const entry = only({
  id: z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/, "1 to 64 characters of [A-Za-z0-9_.-] are needed"),
  key: oneOrTwo(secret).optional(),
  keyFile: oneOrTwo(z.string().min(1)).optional(),
  sha256: oneOrTwo(z.string().regex(/^[0-9a-f]{64}$/i, "64 hexadecimal digits are needed")).optional(),
  weight: whole(1, 1_000).default(1),
  maxRuns: whole(1, 1_000_000).default(Infinity),
  rate: rate.optional(),
  budgets: budgets.default({}),
}).refine(({ key, keyFile, sha256 }) => [key, keyFile, sha256].filter(Boolean).length === 1, {
  error: "one of key, keyFile and sha256 is needed",
});
type Entry = z.infer<typeof entry>;

const list = z.array(entry).min(1).max(MAX_KEYS);

/**
 * Reads the keys of a YAML file that holds nothing else: who may call, and how much. `origin` names the file.
 *
 * @throws CodemodeError INVALID_CONFIG with every problem on a line of its own, as `file:line:column: what`.
 */
export function readApiKeysFile(file: string, origin: string, env: Environment): readonly ApiKey[] {
  return readKeys(new YamlFile(file, origin, env), only({ keys: list }));
}

/** Reads the keys of a file that may hold other things as well. Throws as `readApiKeysFile` does. */
export function readKeys(
  yaml: YamlFile,
  contents: z.ZodType<{ keys: Entry[] }> = z.object({ keys: list }),
): readonly ApiKey[] {
  const problems: string[] = [];
  const ids = new Set<string>();
  const owners = new Map<string, string>();
  const keys = yaml.parse(contents).keys.map((one, index) => {
    const complain = (field: string, what: string): void => {
      problems.push(yaml.problem(["keys", index, field], what));
    };
    const { id, weight, maxRuns, rate, budgets } = one;
    if (ids.has(id)) complain("id", "another key has it already");
    ids.add(id);
    const kind = one.key ? "key" : one.keyFile ? "keyFile" : "sha256";
    const hashes = hashesOf(one, yaml.folder, (what) => complain(kind, what));
    for (const hex of hashes.map((hash) => hash.toString("hex"))) {
      if (owners.has(hex)) complain(kind, `it is the key of ${owners.get(hex)} too`);
      owners.set(hex, id);
    }
    return { id, hashes, weight, maxRuns, rate, budgets };
  });
  yaml.refuse(problems);
  return keys;
}

function hashesOf({ key, keyFile, sha256 = [] }: Entry, folder: string, complain: (what: string) => void): Buffer[] {
  if (key) return key.map(keyHash);
  if (!keyFile) return sha256.map((hex) => Buffer.from(hex, "hex"));
  return keyFile.flatMap((path) => {
    try {
      return [keyHash(parseSecret(readFileSync(resolve(folder, path), "utf8").trim(), path))];
    } catch (error) {
      const { code = "", message } = error as NodeJS.ErrnoException;
      complain(CodemodeError.is(error) ? message : `cannot read "${path}" (${code})`);
      return [];
    }
  });
}
