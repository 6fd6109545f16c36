import { nearest } from "@codemode/proto/settings";
import type { Entry } from "./entries.ts";

const MAX_SHOWN = 60; // characters of a value that an error repeats
const MAX_PROBLEMS = 20; // lines of an error; a file of junk is no reason for a page of junk

/** A value as an error shows it: text in quotes and cut, collections by their kind only. */
export function describe(value: unknown): string {
  if (typeof value === "string")
    return JSON.stringify(value.length > MAX_SHOWN ? `${value.slice(0, MAX_SHOWN)}…` : value);
  if (value === null || ["number", "boolean", "bigint"].includes(typeof value)) return String(value);
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/** Why the schema refused the value of `entry`, with the fix where a habit explains it. */
export function refusal(entry: Entry): string {
  const { key, value } = entry;
  const expected = isOfKind(entry) ? key.expects : key.kind;
  if (key.isSecret) return `expected ${expected}, received something else that is not shown${advice(entry)}`;
  if (typeof value === "string" && /:\/\/[^/]*@|^[^/]*:[^/]*@/.test(value)) {
    return `expected ${expected}; credentials go to executor.apiKey`; // and not into this message
  }
  return `expected ${expected}, received ${entry.shownAs ?? describe(value)}${advice(entry)}`;
}

/** All problems as one text, one line each, those of a file from its top to its end. */
export function asText(problems: readonly string[]): string {
  const rest = problems.length - MAX_PROBLEMS;
  const sorted = problems.toSorted((a, b) => a.localeCompare(b, "en", { numeric: true }));
  return [...sorted.slice(0, MAX_PROBLEMS), ...(rest > 0 ? [`… and ${rest} more problems`] : [])].join("\n");
}

function isOfKind({ key, value }: Entry): boolean {
  if (key.isText) return typeof value === "string";
  if (key.kind === "true or false") return typeof value === "boolean";
  if (typeof value === "number") return true;
  return typeof value === "string" && key.kind !== "a number" && /^\d+(?:\.\d+)? ?[a-zA-Z]+$/.test(value);
}

/** Explains what YAML 1.1 read as booleans and numbers, and YAML 1.2 reads as text. */
function advice({ key, value, shownAs, label }: Entry): string {
  if (typeof value !== "string") return key.isText ? quoteIt(value, label) : "";
  if (shownAs !== undefined || key.isSecret) return "";
  const why = isYaml(label) ? "YAML 1.2 reads it as text, " : "";
  if (/^[\d_]*\d_[\d_]*$/.test(value)) return ` (${why}write ${value.replaceAll("_", "")})`;
  if (key.kind === "true or false") {
    if (/^(?:y|yes|on)$/i.test(value)) return ` (${why}write true)`;
    if (/^(?:n|no|off)$/i.test(value)) return ` (${why}write false)`;
  }
  if (/^-?[\d.]+$|^(?:true|false)$/.test(value) && isYaml(label)) return " (quotes make it text, leave them out)";
  if (key.expects.startsWith("one of ")) {
    const guess = nearest(value, key.expects.slice("one of ".length).split(", "));
    if (guess) return `, did you mean ${guess}?`;
  }
  return "";
}

function quoteIt(value: unknown, label: string): string {
  const isScalar = typeof value === "number" || typeof value === "boolean";
  return isScalar && isYaml(label) ? " (write it in quotes)" : "";
}

function isYaml(label: string): boolean {
  return /:\d+:\d+: /.test(label);
}
