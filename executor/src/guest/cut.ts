import { type EncodeOptions, primordials, setOwn } from "@codemode/proto/values";
import { encodeForHost, isTooLarge } from "./failures.ts";

const { create, getPrototypeOf, isArray, keys, MathFloor, MathMin, slice, weakMapGet, weakMapSet } = primordials;

const MARK = 48; // bytes that "… and 12345678 more" takes, with its quotes
const MIN_ROOM = 64; // what every part of a value gets, if there is any

/** `value` encoded, cut to `maxBytes` when it takes more: texts, arrays and objects tell how much of them was left out. */
export function encodeCut(
  value: unknown,
  options: EncodeOptions & { readonly maxBytes: number },
): { text: string; whole: boolean } {
  const { maxBytes } = options;
  for (let room = maxBytes; room > MIN_ROOM; room = MathFloor(room / 2)) {
    try {
      // The first try is the value itself; later ones leave more out, because bytes are only estimated.
      const given = room === maxBytes ? value : new Cut().of(value, room * 2 - MARK);
      return { text: encodeForHost(given, options), whole: room === maxBytes };
    } catch (error) {
      if (!isTooLarge(error)) throw error;
    }
  }
  return { text: encodeForHost("…", options), whole: false };
}

/** Copies as much of a value as there is room for. Room is counted in UTF-16 units of its text. */
class Cut {
  readonly #open: object = new primordials.WeakMap();

  of(value: unknown, room: number): unknown {
    if (typeof value === "string") return this.#text(value, room);
    if (typeof value !== "object" || value === null) return value;
    const prototype = getPrototypeOf(value);
    const plain = isArray(value) || prototype === null || prototype === primordials.ObjectPrototype;
    if (weakMapGet(this.#open, value) === true) return "… (a cycle)";
    if (!plain) return this.#other(value, room);
    weakMapSet(this.#open, value, true);
    const copy = isArray(value) ? this.#array(value, room) : this.#record(value as Record<string, unknown>, room);
    weakMapSet(this.#open, value, false);
    return copy;
  }

  #text(text: string, room: number): string {
    const cost = text.length + 2;
    if (cost <= room) return text;
    const kept = primordials.max(0, room - MARK);
    return `${slice(text, 0, kept)}… and ${text.length - kept} more characters`;
  }

  #array(array: readonly unknown[], room: number): unknown[] {
    const copy: unknown[] = [];
    let left = room - 2 - MARK;
    for (let index = 0; index < array.length; index++) {
      const item = this.of(array[index], share(left, array.length - index));
      left -= size(item) + 1;
      if (left < 0) {
        setOwn(copy, index, `… and ${array.length - index} more items`);
        return copy;
      }
      setOwn(copy, index, item);
    }
    return copy;
  }

  #record(record: Record<string, unknown>, room: number): object {
    const copy = create(primordials.ObjectPrototype) as object;
    const names = keys(record);
    let left = room - 2 - MARK;
    for (let index = 0; index < names.length; index++) {
      const name = names[index] as string;
      const item = this.of(record[name], share(left - name.length - 4, names.length - index));
      left -= size(item) + name.length + 4;
      if (left < 0) {
        setOwn(copy, "…", `and ${names.length - index} more keys`);
        return copy;
      }
      setOwn(copy, name, item);
    }
    return copy;
  }

  /** A Map, a Date, bytes: whole or not at all. */
  #other(value: object, room: number): unknown {
    return size(value) <= room ? value : "… (left out)";
  }
}

/** What one of `parts` may take: an even share, but no less than half of all that is left. */
function share(left: number, parts: number): number {
  return primordials.max(MathMin(left, MIN_ROOM), MathFloor(left / (parts > 1 ? 2 : 1)));
}

function size(value: unknown): number {
  try {
    return encodeForHost(value, { stacks: true }).length;
  } catch {
    return Infinity;
  }
}
