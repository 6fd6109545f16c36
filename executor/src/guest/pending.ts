import { primordials } from "@codemode/proto/values";
import { nameSet } from "./name-set.ts";

const { create, hasOwn, promiseThen, PromisePrototype, weakMapGet, weakMapSet } = primordials;

/**
 * Makes the answer of a call a promise that says so when it is used as if it were its value: `(tools.x()).items`,
 * `tools.x() + 1`, `JSON.stringify(tools.x())`. It stays a real promise of this realm, with a prototype in between.
 */
export function createPendingPrototype(name: string): object {
  const misused = (use: string): never => {
    throw new primordials.TypeError(`${name}() gives a promise, and ${use} is used without \`await\``);
  };
  const prototype = new primordials.Proxy(
    create(PromisePrototype) as object,
    {
      __proto__: null,
      get: (_target: object, key: PropertyKey, receiver: unknown) => {
        const value = primordials.reflectGet(PromisePrototype, key, receiver);
        if (value !== undefined && key !== "toString" && key !== "valueOf") return value;
        if (key === primordials.asyncIterator) return () => createAsyncIterator(receiver);
        if (key === primordials.toPrimitive) return () => misused("it");
        if (key === primordials.iterator) return misused("it");
        if (typeof key === "symbol" || hasOwn(ordinary, key)) return value;
        return misused(`its .${key as string}`);
      },
    } as ProxyHandler<object>,
  );
  weakMapSet(made, prototype, true);
  return prototype;
}

/**
 * `for await (const item of tools.x())`, with no `await` of the answer itself: of a stream, its items; of a list, what is in
 * it, as the language does for any that is not asynchronous.
 */
function createAsyncIterator(answer: unknown): object {
  let inner: Iterating | undefined;
  const begin = (value: unknown): Iterating => (inner ??= iteratorOf(value));
  const step = (method: "next" | "return", value: unknown): unknown =>
    promiseThen(answer, (given: unknown) => {
      const iterator = begin(given);
      const act = iterator[method];
      if (act) return primordials.apply(act, iterator, [value]);
      return { done: true, value };
    });
  return {
    __proto__: null,
    next: (value: unknown) => step("next", value),
    return: (value: unknown) => step("return", value),
  };
}

interface Iterating {
  readonly next: (value: unknown) => unknown;
  readonly return?: (value: unknown) => unknown;
}

function iteratorOf(value: unknown): Iterating {
  const iterable = value as Record<symbol, (() => Iterating) | undefined>;
  const make = iterable?.[primordials.asyncIterator] ?? iterable?.[primordials.iterator];
  if (!make)
    throw new primordials.TypeError("The answer is no stream and no list: `for await` has nothing to go through");
  return primordials.apply(make, value, []);
}

const made: object = new primordials.WeakMap();

/** Whether `createPendingPrototype` made it. */
export function isPendingPrototype(prototype: object): boolean {
  return weakMapGet(made, prototype) === true;
}

/** Looked up on anything, by the language, by consoles and by well-meant checks. */
const ordinary = nameSet("then", "constructor", "toString", "valueOf");
