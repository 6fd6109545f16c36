import { primordials, setOwn } from "@codemode/proto/values";
import { type Column, column, draw, put, type Rows } from "./grid.ts";
import { type Formatted, plain, showMore } from "./inspect.ts";
import { firstKeys, MAX_KEYS, refill } from "./lent.ts";
import { MAX_LINE } from "./line.ts";

const { create, hasOwn, isArray, keys, mapForEach, mapSize, setForEach, setSize } = primordials;

const MAX_CELLS = MAX_LINE / 4; // each takes at least 4 characters, so that no more of them can be seen
const MAX_CELL = 1_000; // characters of a string in a cell: every row gets as wide
const INDEX = "(index)";
const ITERATION = "(iteration index)";

/** `data` as `console.table` of Node draws it; undefined when it is no object. */
export function table(data: unknown, properties: unknown): Formatted | undefined {
  if (typeof data !== "object" || data === null) return undefined;
  refill();
  try {
    if (isOf(mapSize, data)) return draw(ofMap(data));
    if (isOf(setSize, data)) return draw(ofSet(data));
    return draw(ofObject(data as Record<string, unknown>, isArray(properties) ? properties : undefined));
  } catch {
    return { text: "[cannot be shown]", cut: 0 }; // a getter or a proxy of the program's threw
  }
}

/** A getter for one kind of built-in throws for all others. */
function isOf(size: (self: unknown) => number, value: object): boolean {
  try {
    return size(value) >= 0;
  } catch {
    return false;
  }
}

function ofMap(map: object): Rows {
  const index = column(ITERATION);
  const names = column("Key");
  const values = column("Values");
  let height = 0;
  mapForEach(map, (value, key) => {
    if (height >= MAX_CELLS) return;
    put(index, height, show(height));
    put(names, height, show(key));
    put(values, height++, show(value));
  });
  return { columns: [index, names, values], height };
}

function ofSet(set: object): Rows {
  const index = column(ITERATION);
  const values = column("Values");
  let height = 0;
  setForEach(set, (value) => {
    if (height >= MAX_CELLS) return;
    put(index, height, show(height));
    put(values, height++, show(value));
  });
  return { columns: [index, values], height };
}

function ofObject(data: Record<string, unknown>, properties: readonly unknown[] | undefined): Rows {
  const index = column(INDEX);
  const values = column("Values");
  const byName = create(null) as Record<string, Column>;
  let width = 1;
  let hasValues = false;
  const rows = firstKeys(data, keys);
  let height = 0;
  for (; height < rows.length && height * width < MAX_CELLS; height++) {
    const name = rows[height] as string;
    const item = data[name];
    put(index, height, name);
    const isObject = (typeof item === "object" && item !== null) || typeof item === "function";
    if (!isObject && !properties) {
      hasValues = true;
      put(values, height, show(item));
      continue;
    }
    const names = properties ?? firstKeys(item as object, keys);
    for (let at = 0; at < names.length && at < MAX_KEYS; at++) {
      const key = primordials.String(names[at]);
      if (byName[key] === undefined) {
        setOwn(byName, key, column(key));
        width++;
      }
      const isThere = isObject && hasOwn(item, key);
      put(byName[key] as Column, height, isThere ? show((item as Record<string, unknown>)[key]) : "");
    }
  }
  const columns: Column[] = [];
  setOwn(columns, 0, index);
  const heads = keys(byName); // as an object has them: those that look like numbers first
  for (let at = 0; at < heads.length; at++) setOwn(columns, at + 1, byName[heads[at] as string]);
  if (hasValues) setOwn(columns, columns.length, values);
  return { columns, height };
}

function show(value: unknown): string {
  const isWide = typeof value === "object" && value !== null && !isArray(value) && firstKeys(value, keys).length > 2;
  return showMore(value, {
    ...plain,
    maxArrayLength: 3,
    maxStringLength: MAX_CELL,
    depth: isWide ? -1 : 0,
    breakLength: Infinity,
  });
}
