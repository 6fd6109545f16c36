import { createHash } from "node:crypto";
import { MAX_NAME_LENGTH, TAKEN } from "../names.ts";

const MAX_LENGTH = 100; // what is longer nobody reads
const MARK_LENGTH = 9;

/**
 * The names under which components of others are registered within `namespace`, in their order: what cannot stand in a name
 * is an underscore. Where that makes two names one, the one that was changed gets a mark of its own, which stays the same
 * whatever else there is; so does `job.run` beside `job`, which a program calls as `job.run()` too.
 */
export function foreignNames(names: readonly string[], namespace?: string): readonly string[] {
  const room = namespace === undefined ? MAX_NAME_LENGTH : MAX_NAME_LENGTH - namespace.length - 1;
  const plains = names.map((name) => plainName(name, Math.max(MARK_LENGTH + 1, Math.min(MAX_LENGTH, room))));
  const all = new Set(plains);
  const exact = new Set(names.filter((name, index) => plains[index] === name));
  const times = Map.groupBy(
    plains.filter((plain, index) => plain !== names[index]),
    (plain) => plain,
  );
  return names.map((name, index) => {
    const plain = plains[index] as string;
    const isAlike = plain.endsWith(".run") && all.has(plain.slice(0, -".run".length));
    const isClear = plain === name || (!exact.has(plain) && times.get(plain)?.length === 1);
    return isClear && !isAlike ? plain : marked(plain, name);
  });
}

function plainName(name: string, most: number): string {
  const parts = name.split(".").map((part) => part.replace(/[^\w$-]/g, "_").replace(/^[$-]/, "_"));
  const plain = parts.map((part) => (part === "" ? "_" : TAKEN.has(part) ? `${part}_` : part)).join(".");
  return plain.length > most ? marked(plain.slice(0, most - MARK_LENGTH).replace(/\.+$/, ""), name) : plain;
}

/** A name that no other makes. */
export function marked(plain: string, name: string): string {
  return `${plain}_${createHash("sha256").update(name).digest("hex").slice(0, 8)}`;
}
