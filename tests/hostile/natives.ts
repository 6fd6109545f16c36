/** The steps from a root: names of own properties, of getters and setters, and of prototypes. */
export type Path = readonly string[];

/**
 * Every function without a source that can be reached from `roots`, by the path on which it is met first: all that can
 * be reached from the first root comes before the second. Depends on nothing around it, so that its text runs in any realm.
 */
export function nativesBelow(roots: Readonly<Record<string, unknown>>): Path[] {
  const found: Path[] = [];
  const seen = new Set<unknown>();
  const sourceOf = (value: unknown): string => Function.prototype.toString.call(value);
  for (const root of Object.keys(roots)) {
    const todo: { path: Path; value: unknown }[] = [{ path: [root], value: roots[root] }];
    for (const { path, value } of todo) {
      if (value === null || (typeof value !== "object" && typeof value !== "function") || seen.has(value)) continue;
      seen.add(value);
      if (typeof value === "function" && sourceOf(value).endsWith("{ [native code] }")) found.push(path);
      for (const key of Reflect.ownKeys(value)) {
        const name = String(key);
        const held = Reflect.getOwnPropertyDescriptor(value, key)!;
        todo.push({ path: [...path, name], value: held.value });
        todo.push({ path: [...path, `get ${name}`], value: held.get });
        todo.push({ path: [...path, `set ${name}`], value: held.set });
      }
      todo.push({ path: [...path, "[[Prototype]]"], value: Reflect.getPrototypeOf(value) });
    }
  }
  return found;
}

/** What `roots` have at the end of `path`. */
function follow(roots: object, path: Path): unknown {
  return path.reduce<unknown>((here, step) => {
    if (here === null || (typeof here !== "object" && typeof here !== "function")) return undefined;
    if (step === "[[Prototype]]") return Reflect.getPrototypeOf(here);
    const own = new Map(
      Reflect.ownKeys(here).flatMap((key) => {
        const { value, get, set } = Reflect.getOwnPropertyDescriptor(here, key)!;
        const name = String(key);
        return [[name, value] as const, [`get ${name}`, get] as const, [`set ${name}`, set] as const];
      }),
    );
    return own.get(step);
  }, roots);
}

/** Those of `paths` at which `roots`, of a realm that nobody has touched, have no function. */
export function strangers(paths: readonly Path[], roots: object): string[] {
  return paths.filter((path) => typeof follow(roots, path) !== "function").map((path) => path.join(" . "));
}

/** Where to begin in any realm; as text, because it is the other realm's own that is asked for. */
export const LANGUAGE = `{
  strict: (function () { "use strict"; return arguments })(),
  async: async () => {},
  generator: function* () {},
  asyncGenerator: async function* () {},
  traced: (() => { const traced = {}; Error.captureStackTrace(traced); return traced })(),
  globalThis,
}`;
