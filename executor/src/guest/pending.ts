import { primordials } from "@codemode/proto/values";
import { createAsyncIterator } from "./item-stream.ts";
import { nameSet } from "./name-set.ts";

const { create, hasOwn, PromisePrototype, weakMapGet, weakMapSet } = primordials;

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

const made: object = new primordials.WeakMap();

/** Whether `createPendingPrototype` made it. */
export function isPendingPrototype(prototype: object): boolean {
  return weakMapGet(made, prototype) === true;
}

/** Looked up on anything, by the language, by consoles and by well-meant checks. */
const ordinary = nameSet("then", "constructor", "toString", "valueOf");
