import {
  DURATION_PATTERN,
  formatDuration,
  formatSize,
  parseDuration,
  parseSize,
  SIZE_PATTERN,
} from "@codemode/proto/settings";
import { z } from "zod";

/** What the loader, the error messages and the generated docs know of one key, next to its zod schema. */
export interface Field {
  /** One sentence for the docs. */
  readonly docs: string;
  /** What a value of the right kind is called: "a number". */
  readonly kind: string;
  /** What a value must be when its kind is right and its value is not: "a whole number from 1 to 10". */
  readonly expects: string;
  /** Text from the environment stays text; for other kinds `3` and `true` are typed first. */
  readonly isText: boolean;
  /** A secret is never shown, and its variable has a `_FILE` variant. */
  readonly isSecret: boolean;
  /** A path in a YAML file starts at the folder of that file. */
  readonly isPath: boolean;
  /** Who decides when the key is absent and has no default here. */
  readonly otherwise?: string | undefined;
}

/** Where the fields live: one entry for each leaf of the schema. */
export const fields = z.registry<Field>();

interface Options {
  readonly isText?: boolean;
  readonly isSecret?: boolean;
  readonly isPath?: boolean;
  /** What holds when the key is absent; makes the key optional. Keys with a default do not need it. */
  readonly otherwise?: string;
}

function field<S extends z.ZodType>(schema: S, docs: string, kind: string, expects: string, options: Options = {}): S {
  const { isText = false, isSecret = false, isPath = false, otherwise } = options;
  const described = schema.describe(otherwise ? `${docs} When absent: ${otherwise}.` : docs);
  fields.add(described, { docs, kind, expects, isText, isSecret, isPath, otherwise });
  return described;
}

/** One of a few words. */
export function choice<const T extends readonly string[]>(docs: string, values: T, options?: Options) {
  const list = values.join(", ");
  return field(z.enum(values), docs, `one of ${list}`, `one of ${list}`, { isText: true, ...options });
}

/** Text in a given form; `expects` says which. */
export function text(docs: string, pattern: RegExp, expects: string, options?: Options) {
  return field(z.string().regex(pattern), docs, "text", expects, { isText: true, ...options });
}

/** Text that is never shown. It travels in a header, so it is printable ASCII. */
export function secret(docs: string, options?: Options) {
  return text(docs, /^[\x21-\x7e]+$/, "printable ASCII without spaces", { ...options, isSecret: true });
}

/** A file. From YAML it is absolute once loaded. */
export function path(docs: string, options?: Options) {
  return text(docs, /^[^\0]+$/, "the path of a file", { ...options, isPath: true });
}

export function flag(docs: string) {
  return field(z.boolean(), docs, "true or false", "true or false");
}

export function count(docs: string, min: number, max: number, options?: Options) {
  return field(z.int().min(min).max(max), docs, "a number", `a whole number from ${min} to ${max}`, options);
}

/** Milliseconds, or text such as `30s`; milliseconds once loaded. */
export function duration(docs: string, minMs: number, maxMs: number, options?: Options) {
  const range = `from ${formatDuration(minMs)} to ${formatDuration(maxMs)}`;
  const schema = quantity(minMs, maxMs, DURATION_PATTERN, parseDuration);
  return field(schema, docs, "milliseconds or a duration such as 500ms, 30s or 2m", `a duration ${range}`, options);
}

/** Bytes, or text such as `256KiB`; bytes once loaded. */
export function size(docs: string, min: number, max: number, options?: Options) {
  const range = `from ${formatSize(min)} to ${formatSize(max)}`;
  const schema = quantity(min, max, SIZE_PATTERN, parseSize);
  return field(schema, docs, "bytes or a size such as 256KiB or 1MiB", `a size ${range}`, options);
}

/** MiB, or text such as `64MiB`; MiB once loaded. */
export function mebibytes(docs: string, min: number, max: number, options?: Options) {
  const schema = quantity(min, max, SIZE_PATTERN, (input) => {
    const bytes = parseSize(input);
    return bytes === undefined ? undefined : bytes / 1_048_576;
  });
  return field(
    schema,
    docs,
    "MiB or a size such as 64MiB",
    `a size from ${min}MiB to ${max}MiB, in whole MiB`,
    options,
  );
}

function quantity(min: number, max: number, pattern: RegExp, parse: (input: string) => number | undefined) {
  return z.union([z.int().min(min).max(max), z.string().regex(pattern)]).transform((input, context) => {
    const amount = typeof input === "number" ? input : parse(input);
    if (amount !== undefined && Number.isInteger(amount) && amount >= min && amount <= max) return amount;
    context.addIssue({ code: "invalid_value", values: [], input });
    return z.NEVER;
  });
}
