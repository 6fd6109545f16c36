import { isError, isPromise, primordials } from "@codemode/proto/values";

const { is, mapDelete, mapForEach, mapSet } = primordials;

/**
 * Where a program stands, for failures that no stack tells of: an `await` that nothing can settle, a thrown value that
 * is no error. The worker puts the two functions into the program, each with the index of its place.
 */
export class Marks {
  readonly #open: object = new primordials.Map();
  #count = 0;
  #thrown: { readonly value: unknown; readonly index: number } | undefined;

  /** `await x` is `await $codemodeAwait(<index>, x)`. */
  readonly await = (index: number, value: unknown): unknown => {
    if (isPromise(value)) {
      const key = ++this.#count;
      mapSet(this.#open, key, index);
      void this.#follow(key, index, value);
    }
    return value;
  };

  /** `throw x` is `throw $codemodeThrow(<index>, x)`. */
  readonly throw = (index: number, ...values: unknown[]): unknown => {
    const value = values[values.length - 1];
    if (!isError(value)) this.#thrown = { value, index };
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
      if (!isError(error) && this.throwerOf(error) === -1) this.#thrown = { value: error, index };
    }
    mapDelete(this.#open, key);
  }
}
