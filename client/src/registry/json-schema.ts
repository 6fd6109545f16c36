import { type OutputUnit, Validator } from "@cfworker/json-schema";
import { type Checked, issuesText, pathText } from "./issues.ts";

/** A JSON Schema, draft 2020-12. */
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

/** A check of values against a JSON Schema. */
export function compileJsonSchema(schema: JsonSchema): (value: unknown) => Checked {
  const validator = new Validator(schema, "2020-12", false);
  return (value) => {
    const stranger = findStranger(value, []);
    if (stranger) return { ok: false, message: issuesText([stranger]) };
    const { valid, errors } = validator.validate(value);
    if (valid) return { ok: true, value };
    const leaves = errors.filter((unit) => !WRAPPERS.has(unit.keyword));
    return { ok: false, message: issuesText((leaves.length > 0 ? leaves : errors).map(readable)) };
  };
}

/** A value that JSON Schema has no word for. The validator would throw, or take NaN for a number. */
function findStranger(value: unknown, path: PropertyKey[]): { path: string; message: string } | undefined {
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
    if (child === undefined && !Array.isArray(value)) continue; // `{ a: undefined }` is how JavaScript leaves `a` out
    const inside = findStranger(child, [...path, Array.isArray(value) ? Number(key) : key]);
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
