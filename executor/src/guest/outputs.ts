import { fromBase64, primordials, toBase64 } from "@codemode/proto/values";
import { encodeForHost } from "./failures.ts";
import type { RunSettings, Send } from "./host.ts";
import { describe } from "./console/inspect.ts";

const { freeze, indexOf, slice, startsWith } = primordials;

const MAX_TEXT = 1_000_000; // characters of one item; the budget of all is the session's

/** The functions by which a program shows something beside its value. */
export interface Outputs {
  readonly text: (value: unknown) => void;
  readonly json: (value: unknown) => void;
  readonly image: (image: unknown, mimeType?: unknown) => void;
}

export function createOutputs(send: Send, settings: RunSettings): Outputs {
  const text = (value: unknown): void => {
    send("output", "text", describe(value, MAX_TEXT), "");
  };
  const json = (value: unknown): void => {
    const { mode, limits } = settings;
    send("output", "json", encodeForHost(value, { mode, maxBytes: limits.resultBytes, stacks: false }), "");
  };
  /** Base64 text, a data: URL, or bytes. */
  const image = (given: unknown, mimeType: unknown = "image/png"): void => {
    if (typeof given !== "string") {
      mustBeImage(mimeType);
      return send("output", "image", toBase64(bytesOf(given)), primordials.String(mimeType));
    }
    const comma = startsWith(given, "data:") ? indexOf(given, ";base64,") : -1;
    if (startsWith(given, "data:") && comma === -1) {
      throw new primordials.TypeError("image() takes a data: URL only when it is in base64");
    }
    const type = comma === -1 ? mimeType : slice(given, 5, comma);
    const base64 = comma === -1 ? given : slice(given, comma + 8);
    mustBeImage(type);
    if (fromBase64(base64) === undefined)
      throw new primordials.TypeError("image() takes base64 text, and this is none");
    send("output", "image", base64, type as string);
  };
  return freeze({ text: freeze(text), json: freeze(json), image: freeze(image) });
}

const imageType = /^image\/[\w.+-]{1,90}$/;

function mustBeImage(mimeType: unknown): void {
  if (typeof mimeType === "string" && primordials.regExpExec(imageType, mimeType) !== null) return;
  throw new primordials.TypeError('The type of an image is such as "image/png"');
}

function bytesOf(given: unknown): Uint8Array {
  if (primordials.typedArrayTag(given) === "Uint8Array") return given as Uint8Array;
  throw new primordials.TypeError("image() takes base64 text, a data: URL or a Uint8Array");
}
