import { setOwn } from "@codemode/proto/values";
import { type InspectOptions, plain } from "./inspect.ts";
import { MAX_LINE } from "./line.ts";

const MAX_ITEMS = MAX_LINE / 2; // each takes at least 2 characters of the line

/** What a program may choose of how a value is shown: no colours, and no function that would be given ours. */
export function optionsOf(given: unknown): InspectOptions {
  const options = { __proto__: null, ...plain } as Record<string, unknown>;
  if (typeof given !== "object" || given === null) return options;
  const names = ["showHidden", "depth", "showProxy", "breakLength", "compact", "sorted", "getters", "numericSeparator"];
  try {
    for (let index = 0; index < names.length; index++) {
      const name = names[index] as string;
      const value = (given as Record<string, unknown>)[name];
      if (value !== undefined) setOwn(options, name, value);
    }
    const { maxArrayLength = 100, maxStringLength = 10_000 } = given as InspectOptions;
    setOwn(options, "maxArrayLength", atMost(maxArrayLength, MAX_ITEMS));
    setOwn(options, "maxStringLength", atMost(maxStringLength, MAX_LINE));
  } catch {
    // a getter of the program's: the rest is as if not given
  }
  return options;
}

function atMost(value: unknown, most: number): number {
  return typeof value === "number" && value < most ? value : most;
}
