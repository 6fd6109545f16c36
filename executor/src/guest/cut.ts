import { type EncodeOptions, primordials, setOwn } from "@codemode/proto/values";
import { encodeForHost, isTooLarge } from "./failures.ts";

const { create, getPrototypeOf, isArray, keys, mapForEach, mapSet, MathFloor, setAdd, setForEach, slice } = primordials;
const { weakMapGet, weakMapSet } = primordials;

const MARK = 48; // units that "… and 12345678 more" takes, with its quotes
const MIN_ROOM = 64; // what every part of a value gets, if there is any
const OTHER = 40; // units for what is neither text, number nor object
const SLACK = 8; // what stands between parts
const MAX_DEPTH = 60;
const TRIES = 12;

/** `value` encoded, cut to `maxBytes` when it takes more: texts, arrays and objects tell how much of them was left out. */
export function encodeCut(
  value: unknown,
  options: EncodeOptions & { readonly maxBytes: number },
): { text: string; whole: boolean } {
  try {
    return { text: encodeForHost(value, options), whole: true };
  } catch (error) {
    if (!isTooLarge(error)) throw error;
  }
  // Units are estimated; where they do not fit as bytes, the next try leaves more out.
  let room = options.maxBytes - MARK;
  for (let attempt = 0; attempt < TRIES && room > MIN_ROOM; attempt++, room = MathFloor(room * 0.6)) {
    try {
      return { text: encodeForHost(new Cut().of(value, room, 0).copy, options), whole: false };
    } catch (error) {
      if (!isTooLarge(error)) throw error;
    }
  }
  return { text: encodeForHost("…", options), whole: false };
}

/** A part of a value, and about how many units its text takes. */
interface Part {
  readonly copy: unknown;
  readonly size: number;
}

/** Copies as much of a value as there is room for, looking at each part once. */
class Cut {
  readonly #open: object = new primordials.WeakMap();

  of(value: unknown, room: number, depth: number): Part {
    if (typeof value === "string") return text(value, room);
    if (typeof value === "number") return { copy: value, size: primordials.numberToString(value).length };
    if (typeof value !== "object" || value === null) return { copy: value, size: OTHER };
    if (weakMapGet(this.#open, value) === true) return { copy: "… (a cycle)", size: 16 };
    if (depth > MAX_DEPTH) return { copy: "… (too deep)", size: 16 };
    weakMapSet(this.#open, value, true);
    const part = this.#object(value, room, depth);
    weakMapSet(this.#open, value, false);
    return part;
  }

  #object(value: object, room: number, depth: number): Part {
    if (isArray(value)) return this.#array(value, room, depth);
    const prototype = getPrototypeOf(value);
    if (prototype === primordials.MapPrototype) return this.#map(value, room, depth);
    if (prototype === primordials.SetPrototype) return this.#set(value, room, depth);
    const isPlain = prototype === null || prototype === primordials.ObjectPrototype;
    const { toJSON } = value as { toJSON?: unknown };
    if (primordials.typedArrayTag(value) !== undefined || (!isPlain && typeof toJSON === "function")) {
      return whole(value, room);
    }
    if (isPlain || keys(value).length > 0) return this.#record(value as Record<string, unknown>, room, depth);
    return whole(value, room);
  }

  #array(array: readonly unknown[], room: number, depth: number): Part {
    const copy: unknown[] = [];
    let size = 2;
    for (let index = 0; index < array.length; index++) {
      const item = this.of(array[index], share(room - size - MARK - SLACK, array.length - index), depth + 1);
      if (size + item.size + 1 > room - MARK) {
        setOwn(copy, index, `… and ${array.length - index} more items`);
        return { copy, size: size + MARK };
      }
      size += item.size + 1;
      setOwn(copy, index, item.copy);
    }
    return { copy, size };
  }

  /** Also of an object of a class, which crosses as its properties. */
  #record(record: Record<string, unknown>, room: number, depth: number): Part {
    const copy = create(primordials.ObjectPrototype) as object;
    const names = keys(record);
    let size = 2;
    for (let index = 0; index < names.length; index++) {
      const name = names[index] as string;
      const item = this.of(
        record[name],
        share(room - size - MARK - SLACK - name.length, names.length - index),
        depth + 1,
      );
      if (size + item.size + name.length + 4 > room - MARK) {
        setOwn(copy, "…", `and ${names.length - index} more keys`);
        return { copy, size: size + MARK };
      }
      size += item.size + name.length + 4;
      setOwn(copy, name, item.copy);
    }
    return { copy, size };
  }

  #map(map: object, room: number, depth: number): Part {
    const copy: object = new primordials.Map();
    let size = 32;
    let left = 0;
    mapForEach(map, (value, key) => {
      if (left > 0) return void left++;
      const half = share(room - size - MARK - SLACK, 2);
      const parts = [this.of(key, half, depth + 1), this.of(value, half, depth + 1)] as const;
      const both = parts[0].size + parts[1].size + 3;
      if (size + both > room - MARK) return void left++;
      size += both;
      mapSet(copy, parts[0].copy, parts[1].copy);
    });
    if (left > 0) mapSet(copy, "…", `and ${left} more entries`);
    return { copy, size: size + MARK };
  }

  #set(set: object, room: number, depth: number): Part {
    const copy: object = new primordials.Set();
    let size = 32;
    let left = 0;
    setForEach(set, (value) => {
      if (left > 0) return void left++;
      const item = this.of(value, share(room - size - MARK - SLACK, 2), depth + 1);
      if (size + item.size + 1 > room - MARK) return void left++;
      size += item.size + 1;
      setAdd(copy, item.copy);
    });
    if (left > 0) setAdd(copy, `… and ${left} more values`);
    return { copy, size: size + MARK };
  }
}

function text(value: string, room: number): Part {
  if (value.length + 2 <= room) return { copy: value, size: value.length + 2 };
  const kept = primordials.max(0, room - MARK);
  return { copy: `${slice(value, 0, kept)}… and ${value.length - kept} more characters`, size: kept + MARK };
}

/** A Date, an error, bytes: whole or not at all. */
function whole(value: object, room: number): Part {
  try {
    const size = encodeForHost(value, { maxBytes: primordials.max(room, 1), stacks: true }).length;
    return { copy: value, size };
  } catch (error) {
    if (isTooLarge(error)) return { copy: "… (left out)", size: 16 };
    throw error;
  }
}

/** What one of `parts` may take: all that is left when it is the last, else no more than half of it. */
function share(left: number, parts: number): number {
  return primordials.max(MIN_ROOM, MathFloor(left / (parts > 1 ? 2 : 1)));
}
