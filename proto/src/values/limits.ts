import { primordials } from "./primordials.ts";

const { bigintAsIntN, indexOf } = primordials;

/** Deepest nesting of a value that is written. */
export const MAX_DEPTH = 100;

/** Longest text, in UTF-16 units: half of what V8 allows for a string, so that none of its own errors shows. */
export const MAX_TEXT = 2 ** 28;

/** Most objects in one value: one more is more than a Map of V8 can number. */
export const MAX_OBJECTS = 2 ** 24 - 1;

/** Longest ISO date: `+275760-09-13T00:00:00.000Z`. */
export const MAX_DATE = 27;

// Reading and writing decimals takes more than linear time: 0.3 s for this many.
export const MAX_BIGINT_DIGITS = 1_000_000;
const MAX_BIGINT_BITS = 3_321_928; // the same bound in bits

export function isHugeBigInt(value: bigint): boolean {
  return bigintAsIntN(MAX_BIGINT_BITS, value) !== value;
}

/** What the regular expressions of one value may cost together: as much as this many plain characters of source. */
export const MAX_REGEXP_COST = 65_536;
// V8 lists the characters of a Unicode property when it parses its name: 2 ms for \p{RGI_Emoji}, a hundred of them 0.2 s.
const PROPERTY_COST = 500;

export function regExpCost(source: string): number {
  return source.length + PROPERTY_COST * (occurrences(source, "\\p") + occurrences(source, "\\P"));
}

function occurrences(text: string, part: string): number {
  let count = 0;
  for (let at = indexOf(text, part); at !== -1; at = indexOf(text, part, at + part.length)) count++;
  return count;
}
