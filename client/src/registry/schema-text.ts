const MAX_CHARS = 256 * 1024; // a schema is for a model to read; those of public APIs have some thousands
const MAX_DEPTH = 64; // the deepest public ones have about 20

/** `schema` as JSON text. Throws when it is too large, too deep, circular, or no JSON. */
export function schemaText(schema: object): string {
  const waiting: (readonly [value: unknown, depth: number])[] = [[schema, 1]];
  let chars = 0;
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const [value, depth] = next;
    if (typeof value === "string") chars += value.length;
    if (typeof value === "object" && value !== null) {
      if (depth > MAX_DEPTH) throw new Error(`it is circular, or nested more than ${MAX_DEPTH} deep`);
      for (const [key, child] of Object.entries(value)) {
        chars += key.length;
        waiting.push([child, depth + 1]);
        if (chars + waiting.length > MAX_CHARS) throw tooLarge();
      }
    }
    if (++chars > MAX_CHARS) throw tooLarge();
  }
  return JSON.stringify(schema);
}

function tooLarge(): Error {
  return new Error(`it has more than ${MAX_CHARS / 1024} Ki characters`);
}
