/** `value` as the text that an argument of type DOMString is. */
export function toText(value: unknown): string {
  if (typeof value === "symbol") throw new TypeError("A symbol cannot be converted to a string");
  return String(value);
}

/** `value` as an argument of a dictionary type. */
export function toDictionary(value: unknown): object {
  if (value === undefined || value === null) return {};
  if (typeof value !== "object" && typeof value !== "function") throw new TypeError("The options are no object");
  return value;
}
