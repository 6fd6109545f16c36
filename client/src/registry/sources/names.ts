import { createHash } from "node:crypto";

const MAX_LENGTH = 100; // leaves room for a namespace

/** Names that mean something to JavaScript. */
const TAKEN = new Set(["then", "constructor", "prototype", "__proto__"]);

/**
 * The names under which components of others are registered, in their order: what cannot stand in a name is an
 * underscore. Where that makes two names one, the one that was changed gets a mark of its own, which stays the same
 * whatever else there is.
 */
export function foreignNames(names: readonly string[]): readonly string[] {
  const exact = new Set(names.filter((name) => plainName(name) === name));
  const times = Map.groupBy(
    names.filter((name) => !exact.has(name)),
    plainName,
  );
  return names.map((name) => {
    const plain = plainName(name);
    if (plain === name) return name;
    const isClear = !exact.has(plain) && times.get(plain)?.length === 1;
    return isClear ? plain : marked(plain, name);
  });
}

function plainName(name: string): string {
  const parts = name.split(".").map((part) => part.replace(/[^\w$-]/g, "_").replace(/^[$-]/, "_"));
  const plain = parts.map((part) => (part === "" ? "_" : TAKEN.has(part) ? `${part}_` : part)).join(".");
  return plain.length > MAX_LENGTH ? marked(plain.slice(0, MAX_LENGTH - 9).replace(/\.+$/, ""), name) : plain;
}

/** A name that no other makes. */
export function marked(plain: string, name: string): string {
  return `${plain}_${createHash("sha256").update(name).digest("hex").slice(0, 8)}`;
}
