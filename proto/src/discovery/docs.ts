import { primordials } from "../values/primordials.ts";
import { asRecord, pointed } from "./lists.ts";
import { commentText, quoted } from "./text.ts";

const { indexOf, stringify } = primordials;

const MAX_DESCRIPTION = 300; // units, of one member
const MAX_VALUE = 80;
const REFERENCES = 4; // that are followed to find a description

/** What a schema says that no type can, in the words of JSON Schema, and how they are told. */
const bounds = [
  "format",
  "pattern",
  "minimum",
  "exclusiveMinimum",
  "maximum",
  "exclusiveMaximum",
  "multipleOf",
  "minLength",
  "maxLength",
  "minItems",
  "maxItems",
] as const;

/** A JSDoc comment for a member of that schema, on one line: `Page to fetch @default 1 @minimum 1`. Empty when there is nothing to say. */
export function docOf(schema: unknown, root: unknown): string {
  const node = asRecord(schema);
  let text = descriptionOf(node, root);
  const tag = (name: string, value: string): void => {
    text += `${text === "" ? "" : " "}@${name}${value === "" ? "" : ` ${value}`}`;
  };
  if (node["deprecated"] === true) tag("deprecated", "");
  if (node["default"] !== undefined) tag("default", valueText(node["default"]));
  if (node["type"] === "integer") tag("integer", "");
  for (let index = 0; index < bounds.length; index++) {
    const name = bounds[index] as string;
    const value = node[name];
    if (typeof value === "number") tag(name, valueText(value));
    else if (typeof value === "string" && value.length <= MAX_VALUE) tag(name, commentText(value, MAX_VALUE));
  }
  return text === "" ? "" : `/** ${text} */`;
}

/** Its own description, or that of what it points at; on one line. */
function descriptionOf(node: Record<string, unknown>, root: unknown): string {
  let at = node;
  for (let step = 0; step < REFERENCES; step++) {
    const { description, $ref } = at;
    if (typeof description === "string" && description !== "")
      return oneLine(commentText(description, MAX_DESCRIPTION));
    if (typeof $ref !== "string") break;
    at = asRecord(pointed(root, $ref));
  }
  return "";
}

function valueText(value: unknown): string {
  const text =
    typeof value === "string" ? quoted(primordials.slice(value, 0, MAX_VALUE * 2)) : (stringify(value) ?? "");
  return oneLine(commentText(text, MAX_VALUE));
}

/** A comment of several lines, as the description of a tool may be. */
export function comment(text: string): string {
  return indexOf(text, "\n") === -1 ? `/** ${text} */` : `/**\n * ${lines(text, "\n * ")}\n */`;
}

export function oneLine(text: string): string {
  return lines(text, " ");
}

function lines(text: string, between: string): string {
  let out = "";
  let from = 0;
  for (let end = indexOf(text, "\n"); end !== -1; end = indexOf(text, "\n", from)) {
    out += primordials.slice(text, from, end) + between;
    from = end + 1;
  }
  return from === 0 ? text : out + primordials.slice(text, from);
}
