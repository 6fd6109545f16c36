import { type Value, ValueEncoding } from "@codemode/proto/messages";
import { decode, encode, isBare } from "@codemode/proto/values";

/** Keys that turn into a prototype when a handler merges the object that holds them. JSON text makes them ordinary keys. */
const TRAPS = new Set(["__proto__", "constructor", "prototype"]);

/** `value` for the wire. Throws what `encode` throws. */
export function toWire(value: unknown, maxBytes?: number): Value {
  if (value === undefined) return { encoding: ValueEncoding.VALUE_ENCODING_EXACT, data: Buffer.alloc(0) };
  const data =
    bareText(value, maxBytes) ?? Buffer.from(encode(value, maxBytes === undefined ? {} : { maxBytes }), "utf8");
  return { encoding: ValueEncoding.VALUE_ENCODING_EXACT, data };
}

/** What `encode` would come to, without another string as long as the first, for a text with nothing to escape. */
function bareText(value: unknown, maxBytes: number | undefined): Buffer | undefined {
  if (typeof value !== "string" || maxBytes === undefined || !isBare(value)) return undefined;
  const bytes = Buffer.byteLength(value) + 2 * QUOTE.length;
  if (bytes > maxBytes) return undefined; // `encode` says it
  const data = Buffer.allocUnsafe(bytes);
  data.write(QUOTE, 0);
  data.write(value, QUOTE.length);
  data.write(QUOTE, bytes - QUOTE.length);
  return data;
}

const QUOTE = '"';

/** The value that came over the wire. Throws `MalformedValueError`. */
export function fromWire(value: Value | undefined): unknown {
  if (value === undefined || value.data.length === 0) return undefined;
  const mode = value.encoding === ValueEncoding.VALUE_ENCODING_JSON ? "json" : "exact";
  return decode(value.data.toString("utf8"), { mode });
}

/** Arguments that came over the wire, for a handler: bounded in depth, and without keys that are traps. Throws otherwise. */
export function argumentsFromWire(value: Value | undefined): unknown {
  const input = fromWire(value);
  refuseTraps(input, new Set());
  return input;
}

function refuseTraps(value: unknown, seen: Set<object>): void {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value) || seen.has(value)) return;
  seen.add(value);
  if (value instanceof Map) for (const [key, child] of value) [key, child].forEach((part) => refuseTraps(part, seen));
  if (value instanceof Set) for (const child of value) refuseTraps(child, seen);
  // All names: what an error holds is not enumerable.
  for (const key of Object.getOwnPropertyNames(value)) {
    if (TRAPS.has(key)) throw new TypeError(`the key "${key}" is not allowed in arguments: choose another name`);
    refuseTraps((value as Record<string, unknown>)[key], seen);
  }
}
