import { asList, asRecord, pointed } from "@codemode/proto/discovery";
import { isDeepStrictEqual } from "node:util";

/** Keywords that are looked at here, or that refuse nothing. What has another one is not known to fit. */
const KNOWN = new Set(
  (
    "$ref type const enum nullable allOf anyOf oneOf properties required items additionalProperties prefixItems " +
    "additionalItems minItems maxItems minLength maxLength minimum maximum exclusiveMinimum exclusiveMaximum multipleOf " +
    "format $schema $id $defs $comment definitions components title description default examples example deprecated " +
    "readOnly writeOnly contentEncoding contentMediaType"
  ).split(" "),
);
const FORMATS: ReadonlyMap<unknown, RegExp> = new Map(
  Object.entries({
    "date-time": /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/,
    date: /^\d{4}-\d\d-\d\d$/,
    uuid: /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i,
    email: /^[\w.+-]{1,64}@[\w-]{1,60}(\.[\w-]{1,60})+$/,
    uri: /^[a-z][a-z+.-]{0,20}:[^\s]{1,500}$/i,
  }),
);
const MAX_STEPS = 2_000;

/**
 * Whether `value` is one that `schema` accepts. False also when that is not sure: for patterns, `not`, conditions and the
 * like, and when it takes too long. `root` is what its references point into. For examples alone: a validator would run the patterns of strangers.
 */
export function fits(value: unknown, schema: unknown, root: unknown = schema): boolean {
  return new Check(root).fits(value, schema, 0);
}

class Check {
  readonly #root: unknown;
  #steps = MAX_STEPS;

  constructor(root: unknown) {
    this.#root = root;
  }

  fits(value: unknown, schema: unknown, depth: number): boolean {
    if (schema === true || schema === undefined) return true;
    if (schema === false || depth > 40 || (this.#steps -= 1) < 0) return false;
    const node = asRecord(schema);
    const below = (part: unknown) => this.fits(value, part, depth + 1);
    if (Object.keys(node).some((keyword) => !KNOWN.has(keyword) && !keyword.startsWith("x-"))) return false;
    if (typeof node["$ref"] === "string") {
      const target = pointed(this.#root, node["$ref"]);
      if (target === undefined || !below(target)) return false;
    }
    if ("const" in node && !isDeepStrictEqual(value, node["const"])) return false;
    if (Array.isArray(node["enum"]) && !node["enum"].some((item) => isDeepStrictEqual(value, item))) return false;
    if (node["type"] !== undefined && ![node["type"]].flat().some((type) => isOf(value, type))) return false;
    if (!asList(node["allOf"]).every(below)) return false;
    if (Array.isArray(node["anyOf"]) && !node["anyOf"].some(below)) return false;
    if (Array.isArray(node["oneOf"]) && node["oneOf"].filter(below).length !== 1) return false;
    if (typeof value === "string") return isText(value, node);
    if (typeof value === "number") return isNumber(value, node);
    if (Array.isArray(value)) return this.#isArray(value, node, depth);
    return typeof value !== "object" || value === null || this.#isObject(value as Record<string, unknown>, node, depth);
  }

  #isArray(value: readonly unknown[], node: Record<string, unknown>, depth: number): boolean {
    const isOld = Array.isArray(node["items"]);
    const first = asList(isOld ? node["items"] : node["prefixItems"]);
    const rest = isOld ? node["additionalItems"] : node["items"];
    return (
      isWithin(value.length, node["minItems"], node["maxItems"]) &&
      value.every((item, at) => this.fits(item, at < first.length ? first[at] : rest, depth + 1))
    );
  }

  #isObject(value: Readonly<Record<string, unknown>>, node: Record<string, unknown>, depth: number): boolean {
    const properties = asRecord(node["properties"]);
    return (
      asList(node["required"]).every((name) => typeof name === "string" && Object.hasOwn(value, name)) &&
      Object.entries(value).every(([name, member]) =>
        this.fits(member, name in properties ? properties[name] : node["additionalProperties"], depth + 1),
      )
    );
  }
}

function isOf(value: unknown, type: unknown): boolean {
  switch (type) {
    case "null":
      return value === null;
    case "array":
      return Array.isArray(value);
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    case "integer":
      return Number.isInteger(value);
    case "number":
      return Number.isFinite(value);
    default:
      return typeof value === type;
  }
}

function isText(value: string, node: Record<string, unknown>): boolean {
  const format = FORMATS.get(node["format"]);
  const isKnown = node["format"] === undefined || format !== undefined || NO_CHECK.has(node["format"] as string);
  const { minLength, maxLength } = node;
  // Lengths are in code points, of which there may be half as many as units.
  if (minLength !== undefined && /[\ud800-\udfff]/.test(value)) return false;
  return isKnown && isWithin(value.length, minLength, maxLength) && (format?.test(value) ?? true);
}

/** Formats that are said of texts, and that nobody checks. */
const NO_CHECK = new Set(["password", "binary", "byte", "markdown", "timezone"]);

function isNumber(value: number, node: Record<string, unknown>): boolean {
  const { multipleOf, exclusiveMinimum, exclusiveMaximum, minimum, maximum } = node;
  // In draft-04 and OpenAPI 3.0 these two are booleans.
  if (exclusiveMinimum === true ? value === minimum : typeof exclusiveMinimum === "number" && value <= exclusiveMinimum)
    return false;
  if (exclusiveMaximum === true ? value === maximum : typeof exclusiveMaximum === "number" && value >= exclusiveMaximum)
    return false;
  if (typeof multipleOf === "number" && !Number.isInteger(value / multipleOf)) return false;
  return isWithin(value, minimum, maximum);
}

function isWithin(value: number, least: unknown, most: unknown): boolean {
  return !(typeof least === "number" && value < least) && !(typeof most === "number" && value > most);
}
