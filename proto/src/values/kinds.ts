import { isPromise, primordials } from "./primordials.ts";
import { hrefOf, isError } from "./realm.ts";

const { getPrototypeOf, hasOwn, weakMapGet, weakMapSet } = primordials;

type Probe = readonly [kind: string, brandCheck: (value: object) => unknown];

const boxes: readonly Probe[] = [
  ["Boxed", primordials.numberValueOf],
  ["Boxed", primordials.stringValueOf],
  ["Boxed", primordials.booleanValueOf],
  ["Boxed", primordials.bigintValueOf],
];

const probes: readonly Probe[] = [
  ["Date", primordials.dateGetTime],
  ["Map", primordials.mapSize],
  ["Set", primordials.setSize],
  ["RegExp", primordials.regExpSource],
  ["ArrayBuffer", primordials.bufferByteLength],
  ["DataView", primordials.dataViewByteLength],
  ["URL", hrefOf],
  ...boxes,
];

/** The check that the last object with this prototype passed: one that fails costs an exception. */
const lastOf: object = new primordials.WeakMap();

/** Tells built-in objects apart by their internal slots, whatever their prototypes say. */
export class Kinds {
  /** Prototypes of objects that passed no check. For one value only: a proxy of a Map, too, passes none. */
  readonly #classes: object = new primordials.WeakMap();

  /** The name of the type that `value` crosses as; undefined when it is an object of no built-in type. */
  of(value: object): string | undefined {
    const view = primordials.typedArrayTag(value);
    if (view !== undefined) return view;
    if (isError(value)) return "Error";
    const prototype = getPrototypeOf(value);
    if (prototype === null) return find(probes, value)?.[0];
    if (isPromise(value)) return "Promise";
    const last = weakMapGet(lastOf, prototype) as Probe | undefined;
    if (last !== undefined && passes(last, value)) return last[0];
    if (weakMapGet(this.#classes, prototype) === true) return undefined;
    const probe = find(probes, value);
    if (probe) weakMapSet(lastOf, prototype, probe);
    else weakMapSet(this.#classes, prototype, true);
    return probe?.[0];
  }
}

/** The primitive in a boxed one. */
export function unbox(value: object): unknown {
  return find(boxes, value)?.[1](value);
}

function find(list: readonly Probe[], value: object): Probe | undefined {
  for (let index = 0; index < list.length; index++) {
    const probe = list[index] as Probe;
    if (passes(probe, value)) return probe;
  }
  return undefined;
}

function passes(probe: Probe, value: object): boolean {
  try {
    probe[1](value);
    return true;
  } catch {
    return false; // a brand check has no other way to say so
  }
}

/** A prototype that is an Object.prototype, of another realm too. */
export function isPlain(prototype: object | null): boolean {
  if (prototype === null || prototype === primordials.ObjectPrototype) return true;
  return getPrototypeOf(prototype) === null && hasOwn(prototype, "hasOwnProperty");
}

const { Buffer: NodeBuffer } = globalThis as { Buffer?: typeof Buffer };

/**
 * True when a view shares its memory with other data of a Node app, which must not cross with it: a Buffer, or a view
 * made of the memory of one.
 */
export function liesInPool(buffer: ArrayBuffer, view: object, bytes: number): boolean {
  if (!NodeBuffer) return false;
  return NodeBuffer.isBuffer(view) || (buffer.byteLength === NodeBuffer.poolSize && bytes < buffer.byteLength);
}

export function describeInstance(value: object): string {
  let name = "";
  try {
    const { [primordials.toStringTag]: tag, constructor } = value as { [Symbol.toStringTag]?: unknown };
    if (typeof tag === "string") name = tag;
    else if (typeof constructor === "function" && typeof constructor.name === "string") ({ name } = constructor);
  } catch {
    // A hostile getter: the name is only a help.
  }
  return `is an object of class ${name || "(unnamed)"} that would become {}`;
}
