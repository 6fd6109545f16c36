import { fromBase64, toBase64 } from "@exodus/bytes/base64.js";
import { isomorphicDecode, isomorphicEncode } from "@exodus/bytes/encoding.js";
import { DOMException } from "./dom-exception.ts";
import { toText } from "./web-idl.ts";

// Methods, because those are no constructors and have the names and lengths of the platform's functions.
const methods = {
  atob(data: unknown): string {
    if (arguments.length === 0) throw new TypeError("atob needs one argument");
    let text = toText(data).replace(/[\t\n\f\r ]+/g, "");
    if (text.length % 4 === 0) text = text.replace(/==?$/, "");
    if (text.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(text)) {
      throw new DOMException("The string to be decoded is not correctly encoded.", "InvalidCharacterError");
    }
    // The bits that are left over may be anything here, unlike in RFC 4648: let them make bytes, and drop these.
    const missing = (4 - (text.length % 4)) % 4;
    const bytes = fromBase64(text + "A".repeat(missing));
    return isomorphicDecode(bytes.subarray(0, bytes.length - missing));
  },

  btoa(data: unknown): string {
    if (arguments.length === 0) throw new TypeError("btoa needs one argument");
    const text = toText(data);
    if (/[^\0-\xff]/.test(text)) {
      const message = "The string to be encoded contains characters outside of the Latin1 range.";
      throw new DOMException(message, "InvalidCharacterError");
    }
    return toBase64(isomorphicEncode(text));
  },
};

export const { atob, btoa } = methods;
