import type { Outcome } from "@codemode/client";
import { expect } from "vitest";

const HARNESS = "codemode:"; // in the name of every file of ours inside the isolate

/** No frame of the harness, and none that only says that it is one. The excerpt is the program's own text. */
export function showsNothingOfOurs({ error }: Outcome): void {
  const shown = JSON.stringify({ ...error, frame: "" });
  expect(shown).not.toContain(HARNESS);
  expect(shown).not.toContain("harness.js");
}

/** Of the host: neither where we are installed nor whose home that is. */
export function showsNoPath({ value }: Outcome): void {
  expect(value).not.toMatch(/node:|file:|[\\/]/);
}

/** Short enough for a log line and for a model. */
export function isShort({ error }: Outcome): void {
  expect(JSON.stringify(error).length).toBeLessThanOrEqual(16_384);
}

export function logsAreBounded({ error, logs, warnings }: Outcome): void {
  expect(Buffer.byteLength(logs.map(({ text }) => text).join(""))).toBeLessThanOrEqual(65_536);
  expect(logs.length).toBeLessThanOrEqual(1_000);
  if (error === null) expect(warnings.join()).toMatch(/of console output were (?:dropped|cut)/);
}

export const says =
  (text: string) =>
  ({ error }: Outcome): void =>
    expect(error?.message).toContain(text);
