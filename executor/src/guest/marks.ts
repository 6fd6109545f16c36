import { isError, isPromise, primordials } from "@codemode/proto/values";
import { isPendingPrototype } from "./pending.ts";

const { getOwnPropertyDescriptor, getPrototypeOf, hasOwn, is, mapDelete, mapForEach, mapSet, PromisePrototype } =
  primordials;

/**
 * Where a program stands, for failures that no stack tells of: an `await` that nothing can settle, a thrown value that
 * is no error. The worker puts the two functions into the program, each with the index of its place.
 */
export class Marks {
  readonly #open: object = new primordials.Map();
  #count = 0;
  /** `at`: in the order of what is noted here. */
  #thrown: { readonly value: unknown; readonly index: number; readonly at: number } | undefined;

  /** `await x` is `await $codemodeAwait(<index>, x)`. */
  readonly await = (index: number, value: unknown): unknown => {
    if (isPlainPromise(value)) {
      const key = ++this.#count;
      mapSet(this.#open, key, index);
      void this.#follow(key, index, value);
    }
    return value;
  };

  /** `throw x` is `throw $codemodeThrow(<index>, x)`. */
  readonly throw = (index: number, ...values: unknown[]): unknown => {
    const value = values[values.length - 1];
    if (!isError(value) && typeof index === "number") this.#thrown = { value, index, at: ++this.#count };
    return value;
  };

  /** The `await` that has been open for longest; -1 when none is. */
  stuck(): number {
    let first = -1;
    mapForEach(this.#open, (index) => {
      if (first === -1) first = index as number;
    });
    return first;
  }

  /** Where `value`, which is no error, was thrown last; -1 when nobody has seen it. */
  throwerOf(value: unknown): number {
    return this.#thrown && is(this.#thrown.value, value) ? this.#thrown.index : -1;
  }

  async #follow(key: number, index: number, value: unknown): Promise<void> {
    try {
      await value;
    } catch (error) {
      // One that was thrown while this was awaited is where it comes from; an earlier one is another.
      const isKnown = this.#thrown && is(this.#thrown.value, error) && this.#thrown.at > key;
      if (!isError(error) && !isKnown) this.#thrown = { value: error, index, at: ++this.#count };
    }
    mapDelete(this.#open, key);
  }
}

/** A promise of which nothing of the program's runs when it is awaited once more. */
function isPlainPromise(value: unknown): value is object {
  if (!isPromise(value)) return false;
  const prototype = getPrototypeOf(value as object) as object;
  const isOurs = prototype === PromisePrototype || isPendingPrototype(prototype);
  const constructor = getOwnPropertyDescriptor(PromisePrototype, "constructor");
  return isOurs && !hasOwn(value as object, "constructor") && constructor?.value === primordials.Promise;
}
