const origins = new WeakMap<object, string>();

/** Remembers where a record of tools comes from, for errors. */
export function withOrigin<T extends object>(source: T, origin: string): T {
  origins.set(source, origin);
  return source;
}

export function originOf(source: object): string | undefined {
  return origins.get(source);
}
