import { primordials, setOwn } from "../values/primordials.ts";

const { create, hasOwn, isArray, keys, slice, indexOf } = primordials;

/** The own properties of a schema, read so that nothing on Object.prototype gets in. */
export function asRecord(value: unknown): Record<string, unknown> {
  const record = create(null) as Record<string, unknown>;
  if (typeof value !== "object" || value === null || isArray(value)) return record;
  const names = keys(value);
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as string;
    record[name] = (value as Record<string, unknown>)[name];
  }
  return record;
}

/** `value` when it is an array, else an empty one. */
export function asList(value: unknown): readonly unknown[] {
  return isArray(value) ? (value as readonly unknown[]) : [];
}

/** The texts of a list as the keys of an object that inherits nothing: `name in` asks for one. At most `most` are read. */
export function asNames(value: unknown, most: number): Record<string, true> {
  const list = asList(value);
  const names = create(null) as Record<string, true>;
  for (let index = 0; index < list.length && index < most; index++) {
    if (typeof list[index] === "string") names[list[index] as string] = true;
  }
  return names;
}

export function add<T>(list: T[], item: T): void {
  setOwn(list, list.length, item);
}

export function has(list: readonly unknown[], wanted: unknown): boolean {
  for (let index = 0; index < list.length; index++) if (list[index] === wanted) return true;
  return false;
}

/** `Array.prototype.join`, out of a program's reach. */
export function join(list: readonly string[], between: string): string {
  let text = "";
  for (let index = 0; index < list.length; index++) text += `${index === 0 ? "" : between}${list[index]}`;
  return text;
}

/** Each line but the first moved to the right. */
export function indent(text: string): string {
  let moved = "";
  for (let from = 0; ;) {
    const end = indexOf(text, "\n", from);
    if (end === -1) return moved + slice(text, from);
    moved += `${slice(text, from, end)}\n  `;
    from = end + 1;
  }
}

/** The names of an object schema's properties, in their order. */
export function propertiesOf(input: unknown): string[] {
  return keys(asRecord(asRecord(input)["properties"]));
}

/** What `#/$defs/User` points at in `root`; undefined for what is not there, or not in this document. */
export function pointed(root: unknown, reference: string): unknown {
  if (reference === "#") return root;
  if (slice(reference, 0, 2) !== "#/") return undefined;
  let at: unknown = root;
  let start = 2;
  for (let end = 2; end <= reference.length; end++) {
    if (end < reference.length && reference[end] !== "/") continue;
    const key = unescape(slice(reference, start, end));
    if (typeof at !== "object" || at === null || !hasOwn(at, key)) return undefined;
    at = (at as Record<string, unknown>)[key];
    start = end + 1;
  }
  return at;
}

/** One reference token of a JSON Pointer in a URI fragment (RFC 6901). */
export function unescape(token: string): string {
  let plain = token;
  if (indexOf(token, "%") !== -1) {
    try {
      plain = primordials.decodeURIComponent(token);
    } catch {
      // It is no URI, and names what it names.
    }
  }
  let text = "";
  for (let at = 0; at < plain.length; at++) {
    const next = plain[at] === "~" ? plain[at + 1] : undefined;
    if (next === "0" || next === "1") at++;
    text += next === "1" ? "/" : next === "0" ? "~" : (plain[at] as string);
  }
  return text;
}
