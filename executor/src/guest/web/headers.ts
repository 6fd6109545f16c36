import { toText } from "./web-idl.ts";

/** The Headers of the Fetch standard, of which several of one name are one, with commas. */
export class Headers {
  readonly #values = new Map<string, string>();

  constructor(init?: unknown) {
    if (init === undefined || init === null) return;
    if (typeof init !== "object") throw new TypeError("Headers are made of an object or of pairs");
    const pairs = Symbol.iterator in init ? (init as Iterable<unknown>) : Object.entries(init);
    for (const pair of pairs) {
      const [name, value] = pair as readonly [unknown, unknown];
      this.append(name, value);
    }
  }

  append(name: unknown, value: unknown): void {
    const key = keyOf(name);
    const before = this.#values.get(key);
    const text = toText(value).trim();
    this.#values.set(key, before === undefined ? text : `${before}, ${text}`);
  }

  delete(name: unknown): void {
    this.#values.delete(keyOf(name));
  }

  get(name: unknown): string | null {
    return this.#values.get(keyOf(name)) ?? null;
  }

  /** There are none: the app keeps cookies to itself. */
  getSetCookie(): string[] {
    return [];
  }

  has(name: unknown): boolean {
    return this.#values.has(keyOf(name));
  }

  set(name: unknown, value: unknown): void {
    this.#values.set(keyOf(name), toText(value).trim());
  }

  forEach(callback: (value: string, name: string, headers: Headers) => void, self?: unknown): void {
    for (const [name, value] of this) callback.call(self, value, name, this);
  }

  *entries(): IterableIterator<[string, string]> {
    for (const name of [...this.#values.keys()].toSorted()) yield [name, this.#values.get(name) as string];
  }

  *keys(): IterableIterator<string> {
    for (const [name] of this) yield name;
  }

  *values(): IterableIterator<string> {
    for (const [, value] of this) yield value;
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries();
  }
}

function keyOf(name: unknown): string {
  return toText(name).toLowerCase();
}
