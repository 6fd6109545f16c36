// What the codec and the guest harness use of the language, taken before any user code runs: a program that
// replaces `Array.prototype.map` or `JSON` must not change what they do. For the same reason neither uses spread,
// array destructuring, `for of` or plain assignment to new keys.
type AnyFunction = (...args: never[]) => unknown;

const bind = Function.prototype.bind.bind(Function.prototype.call) as unknown as (method: AnyFunction) => never;

/** `method` as a function of its receiver, independent of later changes to any prototype. */
function uncurry<Result, Arguments extends unknown[]>(
  method: (...args: never[]) => unknown,
): (self: unknown, ...args: Arguments) => Result {
  return bind(method);
}

function getter<Result>(prototype: object, name: PropertyKey): (self: unknown) => Result {
  const { get } = Object.getOwnPropertyDescriptor(prototype, name) ?? {};
  if (!get) throw new TypeError(`No getter ${String(name)}`);
  return uncurry(get as AnyFunction);
}

const flagGetters = [
  ["d", getter<boolean>(RegExp.prototype, "hasIndices")],
  ["g", getter<boolean>(RegExp.prototype, "global")],
  ["i", getter<boolean>(RegExp.prototype, "ignoreCase")],
  ["m", getter<boolean>(RegExp.prototype, "multiline")],
  ["s", getter<boolean>(RegExp.prototype, "dotAll")],
  ["u", getter<boolean>(RegExp.prototype, "unicode")],
  ["v", getter<boolean>(RegExp.prototype, "unicodeSets")],
  ["y", getter<boolean>(RegExp.prototype, "sticky")],
] as const;

/** The flags by the internal slot: the getter `flags` asks for properties that a program may have replaced. */
function regExpFlags(self: unknown): string {
  let flags = "";
  for (let index = 0; index < flagGetters.length; index++) {
    const flag = flagGetters[index] as (typeof flagGetters)[number];
    if (flag[1](self)) flags += flag[0];
  }
  return flags;
}

const TypedArrayPrototype = Object.getPrototypeOf(Uint8Array.prototype) as object;

/** Intrinsics, safe from later changes. */
export const primordials = {
  apply: Reflect.apply,
  construct: Reflect.construct,
  defineProperty: Reflect.defineProperty,
  getOwnPropertyDescriptor: Reflect.getOwnPropertyDescriptor,
  getPrototypeOf: Reflect.getPrototypeOf,
  setPrototypeOf: Reflect.setPrototypeOf,
  ownKeys: Reflect.ownKeys,
  deleteProperty: Reflect.deleteProperty,
  keys: Object.keys,
  freeze: Object.freeze,
  create: Object.create,
  assign: Object.assign,
  hasOwn: Object.hasOwn,
  is: Object.is,
  isArray: Array.isArray,
  parse: JSON.parse,
  stringify: JSON.stringify,
  decodeURIComponent,
  Object,
  String,
  Number,
  BigInt,
  Error,
  TypeError,
  RangeError,
  Date,
  RegExp,
  Map,
  Set,
  WeakMap,
  Promise,
  Proxy,
  ArrayBuffer,
  Uint8Array,
  Uint32Array,
  toStringTag: Symbol.toStringTag,
  ObjectPrototype: Object.prototype,
  MapPrototype: Map.prototype,
  SetPrototype: Set.prototype,
  PromisePrototype: Promise.prototype,
  toPrimitive: Symbol.toPrimitive,
  iterator: Symbol.iterator,
  asyncIterator: Symbol.asyncIterator,
  reflectGet: Reflect.get,
  reflectHas: Reflect.has,
  abs: Math.abs,
  max: Math.max,
  MathMin: Math.min,
  MathFloor: Math.floor,
  MathImul: Math.imul,
  log: Math.log,
  clz32: Math.clz32,
  isSafeInteger: Number.isSafeInteger,
  isFinite: Number.isFinite,
  fromCharCode: String.fromCharCode,
  charCodeAt: uncurry<number, [number]>(String.prototype.charCodeAt),
  slice: uncurry<string, [number, number?]>(String.prototype.slice),
  indexOf: uncurry<number, [string, number?]>(String.prototype.indexOf),
  isWellFormed: uncurry<boolean, []>(String.prototype.isWellFormed),
  toUpperCase: uncurry<string, []>(String.prototype.toUpperCase),
  toLowerCase: uncurry<string, []>(String.prototype.toLowerCase),
  startsWith: uncurry<boolean, [string]>(String.prototype.startsWith),
  numberToString: uncurry<string, [number?]>(Number.prototype.toString),
  bigintToString: uncurry<string, []>(BigInt.prototype.toString),
  bigintAsIntN: BigInt.asIntN,
  bigintAsUintN: BigInt.asUintN,
  numberValueOf: uncurry<number, []>(Number.prototype.valueOf),
  stringValueOf: uncurry<string, []>(String.prototype.valueOf),
  booleanValueOf: uncurry<boolean, []>(Boolean.prototype.valueOf),
  bigintValueOf: uncurry<bigint, []>(BigInt.prototype.valueOf),
  symbolToString: uncurry<string, []>(Symbol.prototype.toString),
  functionToString: uncurry<string, []>(Function.prototype.toString),
  dateToISOString: uncurry<string, []>(Date.prototype.toISOString),
  dateGetTime: uncurry<number, []>(Date.prototype.getTime),
  regExpExec: uncurry<RegExpExecArray | null, [string]>(RegExp.prototype.exec),
  regExpSource: getter<string>(RegExp.prototype, "source"),
  regExpFlags,
  toSorted: uncurry<unknown[], []>(Array.prototype.toSorted),
  mapGet: uncurry<unknown, [unknown]>(Map.prototype.get),
  mapSet: uncurry<unknown, [unknown, unknown]>(Map.prototype.set),
  mapHas: uncurry<boolean, [unknown]>(Map.prototype.has),
  mapDelete: uncurry<boolean, [unknown]>(Map.prototype.delete),
  mapSize: getter<number>(Map.prototype, "size"),
  mapForEach: uncurry<void, [(value: unknown, key: unknown) => void]>(Map.prototype.forEach),
  setAdd: uncurry<unknown, [unknown]>(Set.prototype.add),
  setSize: getter<number>(Set.prototype, "size"),
  setForEach: uncurry<void, [(value: unknown) => void]>(Set.prototype.forEach),
  weakMapGet: uncurry<unknown, [object]>(WeakMap.prototype.get),
  weakMapSet: uncurry<unknown, [object, unknown]>(WeakMap.prototype.set),
  promiseThen: uncurry<Promise<unknown>, [unknown, unknown?]>(Promise.prototype.then),
  bufferByteLength: getter<number>(ArrayBuffer.prototype, "byteLength"),
  bufferDetached: getter<boolean>(ArrayBuffer.prototype, "detached"),
  dataViewBuffer: getter<ArrayBuffer>(DataView.prototype, "buffer"),
  dataViewByteLength: getter<number>(DataView.prototype, "byteLength"),
  dataViewByteOffset: getter<number>(DataView.prototype, "byteOffset"),
  typedArrayTag: getter<string | undefined>(TypedArrayPrototype, Symbol.toStringTag),
  typedArrayBuffer: getter<ArrayBuffer>(TypedArrayPrototype, "buffer"),
  typedArrayByteOffset: getter<number>(TypedArrayPrototype, "byteOffset"),
  typedArrayByteLength: getter<number>(TypedArrayPrototype, "byteLength"),
  typedArrayLength: getter<number>(TypedArrayPrototype, "length"),
  sort: uncurry(Array.prototype.sort) as <T>(self: T[], compare: (a: T, b: T) => number) => T[],
  captureStackTrace: Error.captureStackTrace,
} as const;

/** Whether `value` has Promise.prototype among its own; what it claims to be otherwise does not count. */
export function isPromise(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  let prototype = primordials.getPrototypeOf(value);
  for (let steps = 0; prototype !== null && steps < 3; steps++) {
    if (prototype === primordials.PromisePrototype) return true;
    prototype = primordials.getPrototypeOf(prototype);
  }
  return false;
}

/** Sets an own data property, whatever setters stand on the prototypes. */
export function setOwn(target: object, key: PropertyKey, value: unknown): void {
  // The descriptor has no prototype, so that a `get` on Object.prototype cannot get into it.
  const descriptor = { __proto__: null, value, writable: true, enumerable: true, configurable: true };
  primordials.defineProperty(target, key, descriptor as PropertyDescriptor);
}

/** Sets an own property as the language sets its own: writable, configurable, not enumerable. */
export function hide(target: object, key: PropertyKey, value: unknown): void {
  const descriptor = { __proto__: null, value, writable: true, enumerable: false, configurable: true };
  primordials.defineProperty(target, key, descriptor as PropertyDescriptor);
}
