import { nearest } from "@codemode/proto/settings";
import { type Key, keys, sections } from "./schema.ts";

/** One value for one key, from one place. */
export interface Entry {
  readonly key: Key;
  readonly value: unknown;
  /** How people name the source: `codemode-client.yaml:7:16`, `CODEMODE_RUN_CPU_MS`, `arguments`. */
  readonly source: string;
  /** Start of an error about this value: `codemode-client.yaml:7:16: run.cpuMs`. */
  readonly label: string;
  /** Shown in errors instead of the value, which came from the environment and may be a secret. */
  readonly shownAs?: string;
}

/** What reading one source gave. */
export interface Reading {
  readonly entries: Entry[];
  /** One line each; any of them makes the configuration unusable. */
  readonly problems: string[];
  /** One line each; for people, harmless. */
  readonly warnings: string[];
}

export function emptyReading(): Reading {
  return { entries: [], problems: [], warnings: [] };
}

/** Says that `path` is no key, and which one was probably meant. */
export function unknownKey(path: string): string {
  const [section = "", name] = path.split(".", 2);
  if (name === undefined || !sections.includes(section)) {
    const guess = nearest(section, sections);
    return guess ? `unknown key, did you mean ${guess}?` : `unknown key; the sections are ${sections.join(", ")}`;
  }
  const siblings = [...keys.values()].filter((key) => key.section === section).map((key) => key.name);
  const elsewhere = [...keys.values()].find((key) => key.name === name);
  const guess = nearest(name, siblings) ?? elsewhere?.path;
  return guess ? `unknown key, did you mean ${guess}?` : `unknown key; ${section} has ${siblings.join(", ")}`;
}

/**
 * Types text that has no quotes to tell text from numbers: an environment variable or a substituted `${VAR}`.
 * Only keys that are not text themselves are typed, so a key of digits stays a key.
 */
export function typed(key: Key, text: string): unknown {
  if (key.isText) return text;
  const trimmed = text.trim();
  if (trimmed === "true" || trimmed === "false") return trimmed === "true";
  return /^-?\d+(?:\.\d+)?$/.test(trimmed) ? Number(trimmed) : trimmed;
}
