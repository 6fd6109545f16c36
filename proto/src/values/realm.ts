import { primordials } from "./primordials.ts";

// What a realm may have or not, or has only after the start-up snapshot that the codec is loaded into.

const { getOwnPropertyDescriptor } = primordials;

type Class = new (...given: unknown[]) => object;

let nativeIsError = Error.isError as typeof Error.isError | undefined;

/** Whether `value` is an error by its internal slot. */
export function isError(value: unknown): value is Error {
  return (nativeIsError as typeof Error.isError)(value);
}

/** The prototypes of the standard errors by name. */
export const errorPrototypes: Record<string, unknown> = {
  Error: Error.prototype,
  AggregateError: AggregateError.prototype,
  EvalError: EvalError.prototype,
  RangeError: RangeError.prototype,
  ReferenceError: ReferenceError.prototype,
  SyntaxError: SyntaxError.prototype,
  TypeError: TypeError.prototype,
  URIError: URIError.prototype,
};

export const viewClasses: Record<string, unknown> = {
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  DataView,
};

let urlClass: Class | undefined;
let hrefGetter: ((this: object) => string) | undefined;

/**
 * Makes `URLClass` the class of the URLs that cross. To be called before user code runs, by a realm whose URL is not
 * there when the codec is loaded. The getter `href` of its prototype must throw for what is no URL.
 */
export function bindUrl(URLClass: new (href: string) => { readonly href: string }): void {
  urlClass = URLClass as Class;
  hrefGetter = getOwnPropertyDescriptor(URLClass.prototype as object, "href")?.get as typeof hrefGetter;
}

/** The text of a URL. Throws for anything else. */
export function hrefOf(value: object): string {
  if (!hrefGetter) throw new primordials.TypeError("This realm has no URL");
  return primordials.apply(hrefGetter, value, []);
}

/** Throws when the realm has no URL, or `href` is none. */
export function makeUrl(href: string): object {
  return new (urlClass as Class)(href);
}

/** To be called once before user code runs: V8 leaves what is new in the language out of the realm of a snapshot. */
export function bindLate(): void {
  nativeIsError ??= Error.isError;
  const { Float16Array, SuppressedError } = globalThis as {
    Float16Array?: unknown;
    SuppressedError?: Function;
  };
  if (Float16Array) viewClasses["Float16Array"] = Float16Array;
  if (SuppressedError) errorPrototypes["SuppressedError"] = SuppressedError.prototype;
}

bindLate();
const { URL: nativeUrl } = globalThis as { URL?: typeof URL };
if (nativeUrl) bindUrl(nativeUrl);
