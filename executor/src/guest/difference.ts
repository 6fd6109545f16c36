import { add, asNames, asRecord, has, join, propertiesOf, typeOf } from "@codemode/proto/discovery";
import { isError, isPromise, primordials } from "@codemode/proto/values";
import { nearest } from "./nearest.ts";

const { hasOwn, isArray, keys, MathMin } = primordials;

const MAX_MEMBERS = 200; // of an input that are compared: the program pays with its CPU time
const MAX_PROBLEMS = 10;
const MAX_LENGTH = 1_500;

/** What is wrong with `given` as the input that `schema` describes, as far as its first level tells. Empty when nothing is. */
export function difference(schema: unknown, given: unknown): string {
  const node = asRecord(schema);
  const known = propertiesOf(schema);
  if (known.length === 0) return "";
  if (typeof given !== "object" || given === null || isArray(given) || isError(given)) {
    const names: string[] = [];
    for (let index = 0; index < known.length && index < MAX_PROBLEMS; index++) add(names, known[index] as string);
    if (names.length < known.length) add(names, "…");
    return cut(`one object is needed, such as { ${join(names, ", ")} }, not ${nameOf(given)}`);
  }
  const properties = asRecord(node["properties"]);
  const required = asNames(node["required"], MAX_MEMBERS);
  const missing: string[] = [];
  const problems: string[] = [];
  for (let index = 0; index < MathMin(known.length, MAX_MEMBERS); index++) {
    const name = known[index] as string;
    const type = typeOf(properties[name]);
    if (!hasOwn(given, name) || (given as Record<string, unknown>)[name] === undefined) {
      if (!(name in required)) continue;
      add(missing, name);
      add(problems, `\`${name}\` (${type}) is missing`);
    } else {
      const value = (given as Record<string, unknown>)[name];
      if (isWrong(type, value)) add(problems, `\`${name}\` is ${nameOf(value)}, not ${type}`);
    }
  }
  const names = keys(given);
  for (let index = 0; index < names.length && problems.length < MAX_PROBLEMS; index++) {
    const name = names[index] as string;
    if (has(known, name)) continue;
    const like =
      nearest(name, missing)[0] ?? nearest(name, known)[0] ?? (missing.length === 1 ? missing[0] : undefined);
    const meant = like === undefined ? "" : `: did you mean \`${like}\`?`;
    add(problems, `\`${name}\` is not known${meant}`);
  }
  return cut(join(problems, "; "));
}

function isWrong(type: string, value: unknown): boolean {
  switch (type) {
    case "string":
    case "number":
    case "boolean":
      return typeof value !== type;
    default:
      return false; // the app's schema knows better
  }
}

function nameOf(value: unknown): string {
  if (value === null) return "null";
  if (isArray(value)) return "an array";
  if (isPromise(value)) return "a promise (is `await` missing?)";
  if (typeof value === "object") return "an object";
  return typeof value === "undefined" ? "undefined" : `a ${typeof value}`;
}

function cut(text: string): string {
  return text.length > MAX_LENGTH ? `${primordials.slice(text, 0, MAX_LENGTH)}…` : text;
}
