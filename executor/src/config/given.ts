import { nearest } from "@codemode/proto/settings";
import { KEYS, type Name, names, settings } from "./settings.ts";

/** A value for a setting, from one place. */
export interface Given {
  readonly name: Name;
  readonly written: unknown;
  /** How people name the place: `executor.yaml:7:10`, `CODEMODE_EXECUTOR_WORKERS`, `--listen`. */
  readonly source: string;
  /** Start of an error about the value: `executor.yaml:7:10: workers`. */
  readonly label: string;
  /** False when the value may come from elsewhere, and so may be a secret. */
  readonly isShown: boolean;
}

/** What reading one place gave. */
export interface Reading {
  readonly given: readonly Given[];
  /** One line each; any of them makes the configuration unusable. */
  readonly problems: readonly string[];
}

const MAX_SHOWN = 60; // characters of a value that an error repeats

/** Why `given` is refused. */
export function refusal({ name, written, label, isShown }: Given): string {
  const { expects, holds } = settings[name];
  const quotes = holds === "a secret" && typeof written === "number" ? " (write it in quotes)" : "";
  const isKind = typeof written === "object"; // is told, and not what it holds
  const shown = isKind || (isShown && holds !== "a secret") ? `, received ${describe(written)}` : "";
  const guess = typeof written === "string" && shown ? nearest(written, wordsOf(expects)) : undefined;
  return `${label}: expected ${expects}${shown}${quotes}${guess ? `, did you mean ${guess}?` : ""}`;
}

/** Says that `key` is none, and which one was probably meant. */
export function unknownKey(key: string, known: readonly string[] = [...names, KEYS]): string {
  const guess = nearest(key, known);
  return guess ? `unknown key, did you mean ${guess}?` : `unknown key; there are ${known.join(", ")}`;
}

function describe(written: unknown): string {
  if (typeof written === "object" && written !== null) return Array.isArray(written) ? "a list" : "keys";
  const text = String(written);
  return JSON.stringify(text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : written);
}

function wordsOf(expects: string): string[] {
  return expects.startsWith("one of ") ? expects.slice("one of ".length).split(", ") : [];
}
