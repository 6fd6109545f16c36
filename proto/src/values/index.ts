export { fromBase64, toBase64 } from "./base64.ts";
export { decode, type DecodeOptions } from "./decode.ts";
export { encode, type EncodeOptions } from "./encode.ts";
export { MalformedValueError, UnserializableError, ValueTooLargeError } from "./errors.ts";
export { isBare } from "./quote.ts";
export { utf8Length, utf8Slice } from "./utf8.ts";
export { hide, isPromise, primordials, setOwn } from "./primordials.ts";
export { bindLate, bindUrl, isError } from "./realm.ts";
