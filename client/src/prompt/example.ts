import { asList, asRecord, keyOf, pointed, quoted } from "@codemode/proto/discovery";
import { fits } from "./fits.ts";

const MAX_DEPTH = 6;
const MAX_STEPS = 200;
const MAX_TEXT = 300; // units of an example call; a longer one teaches no more
const MAX_GIVEN = 10;

/** Texts of a format, or of a name that many authors use for the same. */
const TEXTS: ReadonlyMap<unknown, string> = new Map(
  Object.entries({
    "date-time": "2026-01-31T09:00:00Z",
    date: "2026-01-31",
    time: "09:00:00Z",
    duration: "PT1H",
    email: "ada@example.com",
    hostname: "example.com",
    ipv4: "192.0.2.1",
    ipv6: "2001:db8::1",
    uri: "https://example.com",
    "uri-reference": "/path",
    url: "https://example.com",
    uuid: "123e4567-e89b-42d3-a456-426614174000",
  }),
);

/**
 * An input that the schema accepts, as it is written in a program: the first of `given` that fits, one that the schema
 * itself gives, or one made of what is required. Undefined when none is sure to fit, or is short enough.
 */
export function exampleInput(schema: unknown, given: readonly unknown[] = []): string | undefined {
  for (const value of candidates(schema, given)) {
    if (value === undefined || !fits(value, schema)) continue;
    const text = written(value, 0, { left: MAX_TEXT });
    if (text !== undefined) return text;
  }
  return undefined;
}

function* candidates(schema: unknown, given: readonly unknown[]): Generator {
  const node = asRecord(schema);
  for (const example of given.slice(0, MAX_GIVEN)) {
    yield example;
    yield asRecord(example)["input"]; // as the AI SDK has it
  }
  yield* asList(node["examples"]).slice(0, MAX_GIVEN);
  yield node["example"];
  yield new Maker(schema).make(schema, "", 0);
}

/** Makes a value that a schema may accept. Undefined stands for none. */
class Maker {
  readonly #root: unknown;
  #steps = MAX_STEPS;

  constructor(root: unknown) {
    this.#root = root;
  }

  make(schema: unknown, name: string, depth: number): unknown {
    if (schema === true || schema === undefined) return name === "" ? {} : "…";
    if (schema === false || depth > MAX_DEPTH || (this.#steps -= 1) < 0) return undefined;
    const node = this.#whole(asRecord(schema), depth);
    const said = [node["const"], asList(node["examples"])[0], node["example"], node["default"]];
    const first = said.find((value) => value !== undefined && fits(value, node, this.#root));
    if (first !== undefined) return first;
    if (Array.isArray(node["enum"])) return node["enum"][0];
    const choices = [...asList(node["anyOf"]), ...asList(node["oneOf"])];
    const isPlain = node["type"] === undefined && node["properties"] === undefined;
    if (choices.length > 0 && isPlain) {
      const made = choices.slice(0, 4).map((choice) => this.make(choice, name, depth + 1));
      return made.find((value) => value !== undefined && value !== null) ?? made[0];
    }
    const types = [node["type"]].flat();
    const type: unknown = types.find((one) => one !== "null") ?? types[0];
    switch (type ?? (node["properties"] === undefined ? undefined : "object")) {
      case "string":
        return text(node, name);
      case "integer":
      case "number":
        return number(node);
      case "boolean":
        return true;
      case "null":
        return null;
      case "array":
        return this.#array(node, name, depth);
      case "object":
        return this.#object(node, depth);
      default:
        return depth === 0 ? {} : "…";
    }
  }

  /** With what it points at and what all of `allOf` say: good enough for a try. */
  #whole(node: Record<string, unknown>, depth: number): Record<string, unknown> {
    let whole = node;
    for (let step = 0; step < 4 && typeof whole["$ref"] === "string"; step++) {
      const { $ref, ...rest } = whole;
      whole = { ...asRecord(pointed(this.#root, $ref)), ...rest };
    }
    for (const part of asList(whole["allOf"]).slice(0, 10)) {
      if (depth > MAX_DEPTH || (this.#steps -= 1) < 0) break;
      const other = this.#whole(asRecord(part), depth + 1);
      const properties = { ...asRecord(whole["properties"]), ...asRecord(other["properties"]) };
      const required = [...asList(whole["required"]), ...asList(other["required"])];
      whole = { ...other, ...whole, properties, required };
    }
    return whole;
  }

  #object(node: Record<string, unknown>, depth: number): unknown {
    const properties = asRecord(node["properties"]);
    const value: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    const branch = asRecord([...asList(node["anyOf"]), ...asList(node["oneOf"])][0]);
    const more = asRecord(branch["properties"]);
    for (const name of [...asList(node["required"]), ...asList(branch["required"])].slice(0, 40)) {
      if (typeof name !== "string") continue;
      const made = this.make(more[name] ?? properties[name], name, depth + 1);
      if (made === undefined) return undefined;
      value[name] = made;
    }
    return value;
  }

  #array(node: Record<string, unknown>, name: string, depth: number): unknown {
    const isOld = Array.isArray(node["items"]);
    const first = asList(isOld ? node["items"] : node["prefixItems"]);
    const rest = isOld ? node["additionalItems"] : node["items"];
    const least = typeof node["minItems"] === "number" ? node["minItems"] : 0;
    const length = Math.min(10, Math.max(first.length, least, rest === false || node["maxItems"] === 0 ? 0 : 1));
    const items = Array.from({ length }, (_, at) =>
      this.make(at < first.length ? first[at] : (rest ?? true), `${name} item`, depth + 1),
    );
    return items.includes(undefined) ? (least === 0 ? [] : undefined) : items;
  }
}

function text(node: Record<string, unknown>, name: string): string {
  const { format, minLength, maxLength } = node;
  const known = TEXTS.get(format ?? name.toLowerCase());
  const plain =
    known ?? (name === "" || name.endsWith(" item") ? "text" : name.replaceAll(/[^A-Za-z ]+/g, " ").trim() || "text");
  const least = typeof minLength === "number" ? minLength : 0;
  const most = typeof maxLength === "number" ? maxLength : 60;
  return known === undefined ? plain.padEnd(Math.min(least, 100), "x").slice(0, most) : plain;
}

function number(node: Record<string, unknown>): number {
  const bound = (name: string) => (typeof node[name] === "number" ? node[name] : undefined);
  const above = bound("exclusiveMinimum");
  const below = bound("exclusiveMaximum");
  const least = bound("minimum") ?? (above === undefined ? undefined : above + 1);
  const most = bound("maximum") ?? (below === undefined ? undefined : below - 1);
  const step = bound("multipleOf");
  const value = Math.max(least ?? 1, Math.min(1, most ?? 1));
  return step !== undefined && step > 0 ? Math.ceil(value / step) * step : value;
}

/** A value as a program says it. Undefined when that is too long. */
function written(value: unknown, depth: number, room: { left: number }): string | undefined {
  room.left -= 2;
  if (depth > MAX_DEPTH + 2 || room.left < 0) return undefined;
  if (typeof value !== "object" || value === null) {
    if (typeof value === "string" && value.length > MAX_TEXT) return undefined;
    const text = typeof value === "string" ? quoted(value) : JSON.stringify(value);
    room.left -= text.length;
    return room.left < 0 ? undefined : text;
  }
  const parts: string[] = [];
  for (const [name, member] of Object.entries(value)) {
    const part = written(member, depth + 1, room);
    // Written plainly it would be the object's prototype.
    const key = name === "__proto__" ? '["__proto__"]' : keyOf(name);
    if (!Array.isArray(value)) room.left -= key.length;
    if (part === undefined || room.left < 0) return undefined;
    parts.push(Array.isArray(value) ? part : `${key}: ${part}`);
  }
  if (Array.isArray(value)) return `[${parts.join(", ")}]`;
  return parts.length === 0 ? "{}" : `{ ${parts.join(", ")} }`;
}
