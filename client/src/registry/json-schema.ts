import { dereference, type OutputUnit, type SchemaDraft, validate } from "@cfworker/json-schema";
import { bounded } from "./bounded.ts";
import { type Checked, issuesText, pathText } from "./issues.ts";
import { toForm } from "./schema-form.ts";
import { schemaText } from "./schema-text.ts";

/** A JSON Schema, of the draft that its `$schema` names; 2020-12 without one. */
export type JsonSchema = { readonly [keyword: string]: unknown };

/** Keywords that only say that something below them failed. What failed there says it better. */
const WRAPPERS = new Set([
  "properties",
  "items",
  "prefixItems",
  "additionalProperties",
  "patternProperties",
  "$ref",
  "allOf",
]);

const MAX_CHECK_MS = 100; // of the app's own thread
const TOO_LONG = `the value takes more than ${MAX_CHECK_MS} ms to check against its schema`;

/** A JSON Schema, ready for use. */
export interface CompiledJsonSchema {
  readonly check: (value: unknown) => Checked;
  /** The schema itself. */
  readonly json: string;
}

/**
 * Makes a check of values against `schema`, which may be a stranger's: it is bounded, nothing that it refers to is
 * fetched or read, and no check takes long. The draft is the one that `$schema` names, or 2020-12.
 *
 * Throws an error that says why the schema cannot be used. With `isLenient` a pattern that is none is no reason.
 */
export function compileJsonSchema(schema: JsonSchema, isLenient = false): CompiledJsonSchema {
  const json = schemaText(schema);
  const draft = DRAFTS.find(([name]) => String(schema["$schema"]).includes(name))?.[1] ?? "2020-12";
  const form = toForm(JSON.parse(json) as object, isLenient);
  const known = dereference(form.schema);
  mustResolve(form.schema, known);
  const validated = (value: unknown) => validate(value, form.schema, draft, known, false);
  const check = (value: unknown): Checked => {
    const { stranger, hasGaps } = survey(value);
    if (stranger) return refused([stranger]);
    const whole = hasGaps ? withoutGaps(value) : value;
    const result = form.isDear ? bounded(() => validated(whole), MAX_CHECK_MS) : validated(whole);
    if (!result) return refused([at([], TOO_LONG)]);
    if (result.valid) return { ok: true, value };
    const leaves = result.errors.filter((unit) => !WRAPPERS.has(unit.keyword));
    return refused((leaves.length > 0 ? leaves : result.errors).map(readable));
  };
  return {
    json,
    check(value) {
      try {
        return check(value);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error; // of the stack: a schema that is its own definition
        return refused([at([], "its schema goes round in circles")]);
      }
    },
  };
}

const DRAFTS = [
  ["draft-04", "4"],
  ["draft-06", "7"],
  ["draft-07", "7"],
  ["2019-09", "2019-09"],
] as const satisfies readonly (readonly [name: string, draft: SchemaDraft])[];

/** Throws when something is referred to that is not within the schema. */
function mustResolve(part: unknown, known: Record<string, unknown>): void {
  if (typeof part !== "object" || part === null) return;
  const { $ref, __absolute_ref__: address } = part as { $ref?: unknown; __absolute_ref__?: string };
  if (address !== undefined && !Object.hasOwn(known, address)) {
    const what = JSON.stringify(String($ref).slice(0, 200));
    throw new Error(`it refers to ${what}, which is not within it, and nothing is fetched or read`);
  }
  for (const child of Object.values(part)) mustResolve(child, known);
}

function refused(issues: readonly { path: string; message: string }[]): Checked {
  return { ok: false, message: issuesText(issues) };
}

interface Survey {
  readonly stranger?: { path: string; message: string } | undefined;
  readonly hasGaps: boolean;
}

/** What of a value the validator cannot be asked about. */
function survey(value: unknown): Survey {
  const gaps = { found: false };
  const stranger = findStranger(value, [], gaps);
  return { stranger, hasGaps: gaps.found };
}

/** `{ a: undefined }` is how JavaScript leaves `a` out. */
function withoutGaps(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(withoutGaps);
  const kept = Object.entries(value).filter(([, child]) => child !== undefined);
  return Object.fromEntries(kept.map(([key, child]) => [key, withoutGaps(child)]));
}

/** A value that JSON Schema has no word for. The validator would throw, or take NaN for a number. */
function findStranger(
  value: unknown,
  path: PropertyKey[],
  gaps: { found: boolean },
): { path: string; message: string } | undefined {
  const found = (received: string) => ({
    path: pathText(path),
    message: `expected a JSON value, received ${received}`,
  });
  if (typeof value === "number") return Number.isFinite(value) ? undefined : found(String(value));
  if (value === null || typeof value === "string" || typeof value === "boolean") return undefined;
  if (typeof value !== "object") return found(typeof value);
  if (path.length > 100) return found("a value nested more than 100 deep");
  const plain = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
  if (!plain) return found(value.constructor?.name ?? "an object without a prototype");
  for (const [key, child] of Object.entries(value)) {
    if (child === undefined && !Array.isArray(value)) {
      gaps.found = true;
      continue;
    }
    const inside = findStranger(child, [...path, Array.isArray(value) ? Number(key) : key], gaps);
    if (inside) return inside;
  }
  return undefined;
}

function readable({ instanceLocation, keyword, error }: OutputUnit): { path: string; message: string } {
  const keys = instanceLocation.split("/").slice(1).map(unescapePointer);
  const type = /^Instance type "(\w+)" is invalid\. Expected (.*)\.$/.exec(error);
  if (keyword === "type" && type) return at(keys, `expected ${type[2]?.replaceAll('"', "")}, received ${type[1]}`);
  const required = /required property "(.*)"\.$/.exec(error);
  if (keyword === "required" && required) return at([...keys, required[1] ?? ""], "missing");
  if (keyword === "false") return at(keys, "not allowed");
  return at(keys, error.replace(/\.$/, ""));
}

function at(keys: readonly PropertyKey[], message: string): { path: string; message: string } {
  return { path: pathText(keys), message };
}

function unescapePointer(part: string): PropertyKey {
  const key = decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
  return /^\d+$/.test(key) ? Number(key) : key;
}
