import { emptyReading, type Reading, unknownKey } from "./entries.ts";
import { describe } from "./messages.ts";
import { keys, sections } from "./schema.ts";

/** Reads the `config` object of a caller. A key that is `undefined` counts as absent. */
export function readArguments(config: unknown): Reading {
  const reading = emptyReading();
  if (config === undefined) return reading;
  if (!isObject(config)) {
    reading.problems.push(`config: expected an object, received ${describe(config)}`);
    return reading;
  }
  for (const [section, value] of Object.entries(config)) {
    if (value === undefined) continue;
    if (!sections.includes(section)) reading.problems.push(`config.${section}: ${unknownKey(section)}`);
    else if (isObject(value)) readSection(section, value, reading);
    else reading.problems.push(`config.${section}: expected an object of keys, received ${describe(value)}`);
  }
  return reading;
}

function readSection(section: string, values: object, reading: Reading): void {
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue;
    const path = `${section}.${name}`;
    const key = keys.get(path);
    const label = `config.${path}`;
    if (key) reading.entries.push({ key, value, source: "arguments", label });
    else reading.problems.push(`${label}: ${unknownKey(path)}`);
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
