import { primordials } from "@codemode/proto/values";

const { getOwnPropertyDescriptor, getPrototypeOf } = primordials;

function own(target: object, key: PropertyKey): unknown {
  return getOwnPropertyDescriptor(target, key)?.value;
}

const iterables = [Array.prototype, Map.prototype, Set.prototype].map((target) => ({
  target,
  key: Symbol.iterator as PropertyKey,
  value: own(target, Symbol.iterator),
}));
const iterators = [[].values(), new Map().entries(), new Set().values()].map((iterator) => {
  const target = getPrototypeOf(iterator) as object;
  return { target, key: "next", value: own(target, "next") };
});
const looped = [...iterables, ...iterators];

/** Whether `for of` still ends: the library uses it, and a program may have put a loop without end in its place. */
export function isIntact(): boolean {
  for (let index = 0; index < looped.length; index++) {
    const { target, key, value } = looped[index] as (typeof looped)[number];
    if (own(target, key) !== value) return false;
  }
  return true;
}
