import { primordials } from "@codemode/proto/values";
import { Crypto, SubtleCrypto } from "./crypto.ts";
import { DOMException } from "./dom-exception.ts";
import { EventTarget } from "./event-target.ts";
import { Event } from "./event.ts";
import { URL, URLSearchParams } from "./url.ts";

const { getPrototypeOf } = primordials;
const { toString } = Object.prototype;

const platform = [URL, URLSearchParams, Event, EventTarget, Crypto, SubtleCrypto];
const language = [Promise, WeakMap, WeakSet, Iterator];
const { Collator, DateTimeFormat, DisplayNames, ListFormat, Locale, NumberFormat } = Intl;
const { PluralRules, RelativeTimeFormat, Segmenter } = Intl;
const dates = [DateTimeFormat, DisplayNames, RelativeTimeFormat];
const others = [Collator, ListFormat, Locale, NumberFormat, PluralRules, Segmenter];

const prototypes = new Set<object | null>();
for (const { prototype } of [...platform, ...language, ...dates, ...others]) prototypes.add(prototype);

/** Refuses what has slots that cannot be copied. By its prototypes: JavaScript has no better way to tell. */
export function mustBeCloneable(value: object): void {
  for (let at = getPrototypeOf(value); at !== null; at = getPrototypeOf(at)) {
    if (prototypes.has(at)) throw refusal(describe(value));
  }
}

export function refusal(what: string, how = "cloned"): DOMException {
  return new DOMException(`${what} could not be ${how}.`, "DataCloneError");
}

export function describe(value: unknown): string {
  if (typeof value === "symbol") return primordials.symbolToString(value);
  if (typeof value === "function") return primordials.slice(primordials.functionToString(value), 0, 100);
  return tagOf(value as object);
}

/** What the language calls it, by its slots for the older kinds: `[object Date]`. */
export function tagOf(value: object): string {
  return primordials.apply(toString, value, []);
}
