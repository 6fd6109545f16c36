// The order of these two is what makes the library take what it is lent.
import { refill, takeBack } from "./lent.ts";
import * as library from "node-inspect-extracted";
import { primordials, setOwn } from "@codemode/proto/values";
import { isIntact } from "./intact.ts";
import { MAX_LINE } from "./line.ts";

const { apply, slice } = primordials;
const { inspect, formatWithOptions } = library;
// Exported by the library, but not in its types.
const { getStringWidth, inspectDefaultOptions } = (library as unknown as { default: Untyped }).default;

interface Untyped {
  readonly getStringWidth: (text: string) => number;
  readonly inspectDefaultOptions: Record<string, unknown>;
}

export type InspectOptions = library.InspectOptions;

/**
 * Options that a program's own are added to. A method for `inspect` would be given functions of the library's: none is
 * called. A getter called `circular` would be given its state, which has no such property: now it has.
 */
export const plain = { __proto__: null, customInspect: false, circular: undefined } as InspectOptions;
inspectDefaultOptions["circular"] = undefined;

const CANNOT = "[cannot be shown]";

// What the library makes when it first needs it, it is to make here.
refill();
inspect(
  new (class {
    readonly any = 0;
  })(),
);
takeBack();

/** What a console call prints, and how many characters of its strings were cut off beforehand. */
export interface Formatted {
  readonly text: string;
  readonly cut: number;
}

/** `values` as `console.log` of Node prints them. Never throws. */
export function format(values: readonly unknown[]): Formatted {
  const given: unknown[] = [];
  let cut = 0;
  setOwn(given, 0, plain);
  for (let index = 0; index < values.length; index++) {
    let value = values[index];
    if (typeof value === "string" && value.length > MAX_LINE) {
      cut += value.length - MAX_LINE;
      value = slice(value, 0, MAX_LINE);
    }
    setOwn(given, index + 1, value);
  }
  refill();
  try {
    if (!isIntact()) return { text: formatApart(given), cut };
    return { text: textOf(apply(formatWithOptions, undefined, given as [InspectOptions])), cut };
  } catch {
    return { text: formatApart(given), cut };
  }
}

/** Each value by itself, so that one that cannot be shown hides no other. */
function formatApart(given: readonly unknown[]): string {
  let text = "";
  for (let index = 1; index < given.length && text.length <= MAX_LINE; index++) {
    const value = given[index];
    text += (index > 1 ? " " : "") + (typeof value === "string" ? value : show(value));
  }
  return text;
}

/** `value` as `util.inspect` of Node shows it. Never throws. */
export function show(value: unknown, options: InspectOptions = plain): string {
  refill();
  return showMore(value, options);
}

/** Like `show`, for the next of many values in one line. */
export function showMore(value: unknown, options: InspectOptions): string {
  try {
    return isIntact() ? textOf(inspect(value, options)) : plainly(value);
  } catch {
    return CANNOT;
  }
}

/** `value` without the library. */
function plainly(value: unknown): string {
  switch (typeof value) {
    case "string":
      return primordials.stringify(value);
    case "bigint":
      return `${primordials.bigintToString(value)}n`;
    case "symbol":
      return primordials.symbolToString(value);
    case "object":
    case "function":
      return value === null ? "null" : CANNOT;
    case "number":
    case "boolean":
    case "undefined":
      return primordials.is(value, -0) ? "-0" : primordials.String(value);
  }
}

/** `value`, thrown and no error, in a few words. */
export function describe(value: unknown, maxLength: number): string {
  const text = typeof value === "string" ? value : show(value);
  return text.length > maxLength ? `${slice(text, 0, maxLength)}…` : text;
}

/** How many columns `text` takes in a terminal. */
export function widthOf(text: string): number {
  try {
    const width = getStringWidth(text);
    return width >= 0 ? width : text.length;
  } catch {
    return text.length;
  }
}

/** What a replaced prototype lets the library come up with need not be text. */
function textOf(shown: unknown): string {
  return typeof shown === "string" ? shown : CANNOT;
}
