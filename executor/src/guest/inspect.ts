import { isError, primordials } from "@codemode/proto/values";

const { isArray, keys, getPrototypeOf, stringify, mapForEach, setForEach } = primordials;

const MAX_DEPTH = 3;
const MAX_ITEMS = 100;

/** `value` as console output: bounded in depth, breadth and length. A getter that throws shows as such. */
export function inspect(value: unknown, maxLength: number): string {
  const text = show(value, 0, { left: maxLength });
  return text.length > maxLength ? `${primordials.slice(text, 0, maxLength)}…` : text;
}

/** Characters that may still be written; the walk stops when none are. */
interface Room {
  left: number;
}

function show(value: unknown, depth: number, room: Room): string {
  const text = depth === 0 && typeof value === "string" ? value : primitive(value);
  if (text !== undefined) {
    room.left -= text.length;
    return text;
  }
  try {
    return object(value as object, depth, room);
  } catch {
    return "[cannot be shown]";
  }
}

function primitive(value: unknown): string | undefined {
  switch (typeof value) {
    case "string":
      return stringify(value);
    case "number":
      return primordials.is(value, -0) ? "-0" : primordials.String(value);
    case "bigint":
      return `${primordials.bigintToString(value)}n`;
    case "symbol":
      return primordials.symbolToString(value);
    case "undefined":
    case "boolean":
      return primordials.String(value);
    case "function":
      return "[Function]";
    case "object":
      return value === null ? "null" : undefined;
  }
}

function object(value: object, depth: number, room: Room): string {
  if (isError(value)) return errorText(value);
  const name = nameOf(value);
  if (depth >= MAX_DEPTH) return isArray(value) ? "[Array]" : `[${name || "Object"}]`;
  if (name === "Date" || name === "RegExp") return builtIn(value, name);
  let items = "";
  let count = 0;
  const add = (text: () => string): void => {
    count++;
    if (count <= MAX_ITEMS && room.left > 0) items += (items === "" ? "" : ", ") + text();
  };
  if (isArray(value)) {
    for (let index = 0; index < value.length && index <= MAX_ITEMS; index++)
      add(() => show(value[index], depth + 1, room));
    if (value.length > MAX_ITEMS) items += `, … ${value.length - MAX_ITEMS} more`;
    return `[${items === "" ? "" : ` ${items} `}]`;
  }
  if (name === "Map") {
    mapForEach(value, (item, key) => add(() => `${show(key, depth + 1, room)} => ${show(item, depth + 1, room)}`));
  } else if (name === "Set") setForEach(value, (item) => add(() => show(item, depth + 1, room)));
  else {
    const names = keys(value);
    for (let index = 0; index < names.length && index <= MAX_ITEMS; index++) {
      const key = names[index] as string;
      add(() => `${key}: ${show((value as Record<string, unknown>)[key], depth + 1, room)}`);
    }
    count = names.length;
  }
  if (count > MAX_ITEMS) items += `, … ${count - MAX_ITEMS} more`;
  const prefix = name === "" || name === "Object" ? "" : `${name} `;
  return `${prefix}{${items === "" ? "" : ` ${items} `}}`;
}

function builtIn(value: object, name: "Date" | "RegExp"): string {
  if (name === "RegExp") return `/${primordials.regExpSource(value)}/${primordials.regExpFlags(value)}`;
  const time = primordials.dateGetTime(value);
  return time === time ? primordials.dateToISOString(value) : "Invalid Date";
}

function errorText(error: Error): string {
  const { stack } = error;
  return typeof stack === "string" && stack !== "" ? stack : `${error.name}: ${error.message}`;
}

function nameOf(value: object): string {
  const prototype = getPrototypeOf(value);
  if (prototype === null) return "";
  const { constructor } = prototype as { constructor: unknown };
  return typeof constructor === "function" && typeof constructor.name === "string" ? constructor.name : "";
}
