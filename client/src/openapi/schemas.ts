import type { JsonSchema } from "../registry/json-schema.ts";
import { toPattern } from "../registry/schema-form.ts";
import { schemaText } from "../registry/schema-text.ts";
import { listOf, nodeOf, type Reader } from "./document.ts";

/** Which way a schema is read: some of its properties are for one alone. */
export type Side = "input" | "output";

/** What is for documentation, and not for a model or a check. */
const DROPPED = new Set([
  "example",
  "examples",
  "externalDocs",
  "xml",
  "discriminator",
  "nullable",
  "readOnly",
  "writeOnly",
]);
const LISTS = new Set(["allOf", "anyOf", "oneOf", "prefixItems"]);
const MAPS = new Set(["properties", "patternProperties", "dependentSchemas", "$defs", "definitions"]);
const ONE = new Set(
  "items additionalProperties unevaluatedProperties unevaluatedItems propertyNames contains not if then else".split(
    " ",
  ),
);
const MAX_NODES = 5_000;

/** Makes JSON Schemas (2020-12) of those of a document. What they refer to comes along as `$defs`, cycles included. */
export class SchemaMaker {
  readonly #reader: Reader;
  readonly #side: Side;
  readonly #names = new Map<string, string>();
  readonly #waiting: string[] = [];
  #nodes = 0;

  constructor(reader: Reader, side: Side) {
    this.#reader = reader;
    this.#side = side;
  }

  /** `make` puts the schemas together; it is given what makes one of them. Undefined when there is too much of it. */
  whole(make: (schemaOf: (schema: unknown) => JsonSchema | boolean) => JsonSchema | undefined): JsonSchema | undefined {
    try {
      const schema = make((part) => this.#convert(part));
      if (schema === undefined) return undefined;
      const defs: Record<string, unknown> = {};
      for (let reference = this.#waiting.pop(); reference !== undefined; reference = this.#waiting.pop()) {
        defs[this.#names.get(reference) as string] = this.#convert(this.#reader.at(reference));
      }
      const whole = Object.keys(defs).length === 0 ? schema : { ...schema, $defs: defs };
      if (!isReadable(whole)) return undefined;
      return whole;
    } catch (error) {
      if (error instanceof TooMuch) return undefined;
      throw error;
    }
  }

  #convert(value: unknown): JsonSchema | boolean {
    if (typeof value === "boolean") return value;
    if (++this.#nodes > MAX_NODES) throw new TooMuch();
    const schema = nodeOf(value);
    const made: Record<string, unknown> = {};
    for (const [key, part] of Object.entries(schema)) {
      if (key === "$ref" && typeof part === "string") made["$ref"] = this.#reference(part);
      else if (DROPPED.has(key) || key.startsWith("x-") || key === "$id" || key === "$schema") continue;
      else if (LISTS.has(key)) made[key] = listOf(part).map((each) => this.#convert(each));
      else if (MAPS.has(key)) made[key] = this.#map(part);
      else if (ONE.has(key)) made[key] = this.#convert(part);
      // Documents are written for other languages as well, whose patterns are not those of JavaScript.
      else if (key === "pattern" && toPattern(String(part)) === undefined) continue;
      else if (key === "required") made[key] = this.#required(schema, part);
      else made[key] = part;
    }
    return this.#reader.isOld ? modern(schema, made) : made;
  }

  #map(part: unknown): Record<string, unknown> {
    return Object.fromEntries(Object.entries(nodeOf(part)).map(([key, each]) => [key, this.#convert(each)]));
  }

  /** What a request need not have because a response has it, and the other way round. */
  #required(schema: Readonly<Record<string, unknown>>, required: unknown): unknown {
    const properties = nodeOf(schema["properties"]);
    const other = this.#side === "input" ? "readOnly" : "writeOnly";
    return listOf(required).filter((name) => nodeOf(properties[String(name)])[other] !== true);
  }

  #reference(reference: string): string {
    let name = this.#names.get(reference);
    if (name === undefined) {
      const plain = (reference.split("/").at(-1) ?? "").replace(/[^\w.-]/g, "_") || "root";
      const taken = new Set(this.#names.values());
      name = plain;
      for (let count = 2; taken.has(name); count++) name = `${plain}_${count}`;
      this.#names.set(reference, name);
      this.#waiting.push(reference);
    }
    return `#/$defs/${name}`;
  }
}

class TooMuch extends Error {}

/** Whether the registry takes it. */
function isReadable(schema: JsonSchema): boolean {
  try {
    return schemaText(schema) !== "";
  } catch {
    return false;
  }
}

/** What OpenAPI 3.0 says in words of its own. */
function modern(schema: Readonly<Record<string, unknown>>, made: Record<string, unknown>): JsonSchema {
  for (const [flag, limit] of [
    ["exclusiveMinimum", "minimum"],
    ["exclusiveMaximum", "maximum"],
  ] as const) {
    if (typeof made[flag] !== "boolean") continue;
    if (made[flag]) {
      made[flag] = made[limit];
      delete made[limit];
    } else delete made[flag];
  }
  if (schema["nullable"] !== true) return made;
  if (typeof made["type"] === "string" && !("enum" in made)) return { ...made, type: [made["type"], "null"] };
  if (Array.isArray(made["enum"]) && typeof made["type"] === "string") {
    return { ...made, type: [made["type"], "null"], enum: [...new Set([...(made["enum"] as unknown[]), null])] };
  }
  return { anyOf: [made, { type: "null" }] };
}
