import { format } from "@cfworker/json-schema";

// Enforceable form of a JSON Schema
// ==========================================================================
// What the validator is given: a copy that holds assertions alone. Annotations, and words of other vocabularies, would
// be read as schemas by it, and any `id` within them as an address.

/** A JSON Schema as the validator takes it. */
export interface SchemaForm {
  readonly schema: object;
  /** May take long for some values: it matches text by patterns, compares items, or refers to itself. */
  readonly isDear: boolean;
}

const ONE = words("additionalItems unevaluatedItems contains additionalProperties unevaluatedProperties propertyNames");
const MORE = words("not if then else");
const LISTS = words("prefixItems allOf anyOf oneOf");
const MAPS = words("$defs definitions properties patternProperties dependentSchemas");
const DEAR = words("pattern patternProperties format uniqueItems $ref $recursiveRef");
const ASSERTIONS = words(
  "$recursiveRef $recursiveAnchor type const enum required dependentRequired minimum maximum multipleOf " +
    "exclusiveMinimum exclusiveMaximum minLength maxLength minItems maxItems uniqueItems " +
    "minContains maxContains minProperties maxProperties",
);

/**
 * Takes a schema that is JSON, of bounded size. A pattern that is none is an error, and with `isLenient` left out: strangers
 * write for other languages as well.
 */
export function toForm(schema: object, isLenient: boolean): SchemaForm {
  let isDear = false;
  const one = (value: unknown): unknown => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value !== false;
    const form: Record<string, unknown> = {};
    for (const [key, part] of Object.entries(value)) {
      const made = keyword(key, part);
      if (made === undefined) continue;
      form[key] = made;
      if (DEAR.has(key)) isDear = true;
    }
    return form;
  };
  const many = (value: unknown): unknown => (Array.isArray(value) ? value.map(one) : undefined);
  const map = (value: unknown, toKey = (key: string) => key): unknown => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [toKey(key), one(part)]));
  };
  const keyword = (key: string, part: unknown): unknown => {
    if (key === "pattern") return typeof part === "string" ? pattern(part) : undefined;
    if (key === "patternProperties") return map(part, (source) => pattern(source) ?? "");
    if (key === "format") return Object.hasOwn(format, String(part)) ? part : undefined;
    if (key === "items") return many(part) ?? one(part);
    if (key === "dependencies") return dependencies(part);
    if (key === "$id" || key === "$ref" || key === "$anchor") return typeof part === "string" ? part : undefined;
    if (ONE.has(key) || MORE.has(key)) return one(part);
    if (LISTS.has(key)) return many(part);
    if (MAPS.has(key)) return map(part);
    return ASSERTIONS.has(key) ? part : undefined;
  };
  const pattern = (source: string): string | undefined => {
    const made = toPattern(source);
    if (made !== undefined || isLenient) return made;
    throw new Error(`its pattern ${JSON.stringify(source.slice(0, 100))} is no regular expression`);
  };
  const dependencies = (value: unknown): unknown => {
    if (typeof value !== "object" || value === null) return undefined;
    return Object.fromEntries(
      Object.entries(value).map(([key, part]) => [key, Array.isArray(part) ? part : one(part)]),
    );
  };
  return { schema: one(schema) as object, isDear };
}

/** A pattern without the escapes that are needless, and errors in the mode in which patterns are matched. */
export function toPattern(source: string): string | undefined {
  const plain = source.replace(/\\([^\w\s^$\\.*+?()[\]{}|/-]|_)/g, "$1");
  for (const form of [source, plain, plain.replaceAll("\\-", "-")]) {
    try {
      return new RegExp(form, "u").source;
    } catch {
      // The next form may be one.
    }
  }
  return undefined;
}

function words(text: string): ReadonlySet<string> {
  return new Set(text.split(" "));
}
