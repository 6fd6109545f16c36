// Lent intrinsics
// ==========================================================================
// The library that formats takes its intrinsics while it loads. For that time it finds some of ours in their place:
// Node's code looks at every key of an object and every index of an array, and one call of a program's would cost
// seconds and more memory than it has.
//
// L1  One console call looks at a bounded number of properties. What is left out lies behind the end of the line.
// L2  Nothing is replaced in a text by way of `RegExp.prototype.exec`: a program can put one without end in its place.
import { primordials } from "@codemode/proto/values";
import { MAX_LINE } from "./line.ts";
import { hrefOf } from "../web/url.ts";

const { defineProperty, isArray, ownKeys, regExpExec, slice, typedArrayTag } = primordials;
const { getOwnPropertyDescriptor, hasOwn, keys, getOwnPropertyNames, getOwnPropertySymbols } = Object;

/** Each takes a line of at least 8 characters, so that no more of them can be seen. */
export const MAX_KEYS = MAX_LINE / 8;

let left = MAX_LINE; // enough for loading

/** Lets the library look at properties again: each adds a character or more to the text. */
export function refill(): void {
  left = MAX_LINE;
}

function spend(): boolean {
  return --left >= 0;
}

/** Whether listing the keys of `target` would make a string of each of its many indices. */
function isLong(target: object): boolean {
  if (isArray(target)) return target.length > MAX_KEYS;
  if (typedArrayTag(target) !== undefined) return primordials.typedArrayLength(target) > MAX_KEYS;
  const length = getOwnPropertyDescriptor(target, "length");
  // A String object: its length cannot be written.
  return length !== undefined && length.writable === false && (length.value as number) > MAX_KEYS;
}

/** The keys that `list` finds, as many as can be seen. Of a long array they are the indices in use. */
export function firstKeys<Key extends PropertyKey>(target: object, list: (target: object) => Key[]): Key[] {
  if (!isLong(target)) {
    const found = list(target);
    if (found.length > MAX_KEYS) found.length = MAX_KEYS;
    return found;
  }
  const found: string[] = [];
  for (let index = 0; index < MAX_KEYS; index++) {
    if (hasOwn(target, index)) set(found, found.length, primordials.String(index));
  }
  return found as Key[];
}

const bounded =
  <Key extends PropertyKey>(list: (target: object) => Key[]) =>
  (target: object): Key[] =>
    spend() ? firstKeys(target, list) : [];

const ours = {
  keys: bounded(keys),
  getOwnPropertyNames: bounded(getOwnPropertyNames),
  getOwnPropertySymbols: (target: object): symbol[] => {
    const found = spend() ? getOwnPropertySymbols(target) : [];
    if (found.length > MAX_KEYS) found.length = MAX_KEYS;
    return found;
  },
  getOwnPropertyDescriptor: (target: object, key: PropertyKey): PropertyDescriptor | undefined => {
    if (key === "constructor" || spend()) return getOwnPropertyDescriptor(target, key);
    return { __proto__: null, value: undefined, enumerable: true } as PropertyDescriptor;
  },
  /** Asked for by one caller, which wants to know of an array what keys it has besides its indices. */
  getOwnPropertyDescriptors: (target: object): object => {
    const found = primordials.create(null) as object;
    if (!spend() || isLong(target)) return found;
    const names = ownKeys(target);
    for (let index = 0; index < names.length; index++) {
      const name = names[index] as PropertyKey;
      if (typeof name !== "string" || isIndex(name)) continue;
      set(found, name, getOwnPropertyDescriptor(target, name));
    }
    return found;
  },
} as const;

function isIndex(name: string): boolean {
  const code = primordials.charCodeAt(name, 0);
  return code >= 48 && code <= 57 && primordials.String(primordials.Number(name)) === name;
}

function set(target: object, key: PropertyKey, value: unknown): void {
  const descriptor = { __proto__: null, value, writable: true, enumerable: true, configurable: true };
  defineProperty(target, key, descriptor as PropertyDescriptor);
}

/** `RegExp.prototype[Symbol.replace]`, as far as it is used. */
function replace(this: RegExp, text: string, by: string | ((match: string) => string) = ""): string {
  let replaced = "";
  let from = 0;
  this.lastIndex = 0;
  for (;;) {
    const found = regExpExec(this, text);
    if (found === null) break;
    const match = found[0];
    replaced += slice(text, from, found.index) + (typeof by === "string" ? by : by(match));
    from = found.index + match.length;
    if (this.lastIndex === 0) break; // not global
  }
  return replaced + slice(text, from);
}

/** A map or set of which no more may be looked at shows as empty. */
const sized = (size: (self: unknown) => number) => ({
  get(this: unknown): number {
    return spend() ? size(this) : 0;
  },
});

/** The library asks of each class instance whether it is a URL, and shows its text. */
function AnyUrl(): void {}
defineProperty(AnyUrl, Symbol.hasInstance, { value: (value: unknown) => hrefOf(value) !== undefined });

const places: readonly (readonly [target: object, key: PropertyKey, lent: PropertyDescriptor])[] = [
  [Object, "keys", { value: ours.keys }],
  [Object, "getOwnPropertyNames", { value: ours.getOwnPropertyNames }],
  [Object, "getOwnPropertySymbols", { value: ours.getOwnPropertySymbols }],
  [Object, "getOwnPropertyDescriptor", { value: ours.getOwnPropertyDescriptor }],
  [Object, "getOwnPropertyDescriptors", { value: ours.getOwnPropertyDescriptors }],
  // So that its defaults can be given a key that it forgot; see `plain`.
  [Object, "seal", { value: (target: object) => target }],
  [Map.prototype, "size", sized(primordials.mapSize)],
  [Set.prototype, "size", sized(primordials.setSize)],
  [RegExp.prototype, Symbol.replace, { value: replace }],
  [globalThis, "URL", { value: AnyUrl }],
];
const taken = places.map(([target, key]) => getOwnPropertyDescriptor(target, key));
for (const [target, key, lent] of places) defineProperty(target, key, { ...lent, configurable: true });

/** To be called when the library has loaded. */
export function takeBack(): void {
  for (const [index, [target, key]] of places.entries()) {
    const own = taken[index];
    if (own) defineProperty(target, key, own);
    else Reflect.deleteProperty(target, key);
  }
}
