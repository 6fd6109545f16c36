import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { CodemodeError } from "@codemode/proto";
import { z } from "zod";
import { type BudgetCeilings, MAX_BUDGETS, MIN_HEAP_BYTES } from "../session/budgets.ts";
import { type ApiKey, keyHash } from "./api-key.ts";
import { parseSecret, secret } from "./secret.ts";
import { YamlFile } from "./yaml-file.ts";

const MAX_KEYS = 1_000; // each is compared with every key that is presented

/** One, or two while callers change from one to the other. */
const oneOrTwo = (schema: z.ZodType<string>) =>
  z.preprocess((given) => (Array.isArray(given) ? given : [given]), z.array(schema).min(1).max(2));

const ceiling = (name: keyof BudgetCeilings, least = 1) => z.int().min(least).max(MAX_BUDGETS[name]).optional();

const budgets = z.strictObject({
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
  .refine(({ key, keyFile, sha256 }) => [key, keyFile, sha256].filter(Boolean).length === 1, {
    error: "one of key, keyFile and sha256 is needed",
  });
type Entry = z.infer<typeof entry>;

const contents = z.strictObject({ keys: z.array(entry).min(1).max(MAX_KEYS) });

/**
 * Reads the keys of a YAML file: who may call, and how much.
 *
 * @throws CodemodeError INVALID_CONFIG with every problem on a line of its own, as `file:line:column: what`.
 */
export function readApiKeysFile(file: string, variable: string): readonly ApiKey[] {
  const yaml = new YamlFile(file, variable);
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
    const hashes = hashesOf(one, dirname(file), (what) => complain(kind, what));
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
