import { isError, isPromise, primordials, setOwn } from "@codemode/proto/values";
import { asRecord, propertiesOf } from "./catalog.ts";
import { nearest } from "./nearest.ts";
import { has, join, typeOf } from "./signature.ts";

const { hasOwn, isArray, keys } = primordials;

/** What is wrong with `given` as the input that `schema` describes, as far as its first level tells. Empty when nothing is. */
export function difference(schema: unknown, given: unknown): string {
  const node = asRecord(schema);
  const known = propertiesOf(schema);
  if (known.length === 0) return "";
  if (typeof given !== "object" || given === null || isArray(given) || isError(given)) {
    return `one object is needed, such as { ${join(known, ", ", (name) => name as string)} }, not ${nameOf(given)}`;
  }
  const properties = asRecord(node["properties"]);
  const required = isArray(node["required"]) ? (node["required"] as unknown[]) : [];
  const missing: string[] = [];
  const problems: string[] = [];
  for (let index = 0; index < known.length; index++) {
    const name = known[index] as string;
    const type = typeOf(properties[name]);
    if (!hasOwn(given, name) || (given as Record<string, unknown>)[name] === undefined) {
      if (!has(required, name)) continue;
      setOwn(missing, missing.length, name);
      setOwn(problems, problems.length, `\`${name}\` (${type}) is missing`);
    } else {
      const value = (given as Record<string, unknown>)[name];
      if (isWrong(type, value)) setOwn(problems, problems.length, `\`${name}\` is ${nameOf(value)}, not ${type}`);
    }
  }
  const names = keys(given);
  for (let index = 0; index < names.length && problems.length < 10; index++) {
    const name = names[index] as string;
    if (has(known, name)) continue;
    const like =
      nearest(name, missing)[0] ?? nearest(name, known)[0] ?? (missing.length === 1 ? missing[0] : undefined);
    const meant = like === undefined ? "" : `: did you mean \`${like}\`?`;
    setOwn(problems, problems.length, `\`${name}\` is not known${meant}`);
  }
  return join(problems, "; ", (problem) => problem as string);
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
