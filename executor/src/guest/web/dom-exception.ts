import { hide, primordials } from "@codemode/proto/values";
import { toText } from "./web-idl.ts";

/** The names that have a code, by code; the holes are names that no standard uses any more. */
const LEGACY: readonly (readonly [code: number, name: string, constant: string])[] = [
  [1, "IndexSizeError", "INDEX_SIZE_ERR"],
  [2, "", "DOMSTRING_SIZE_ERR"],
  [3, "HierarchyRequestError", "HIERARCHY_REQUEST_ERR"],
  [4, "WrongDocumentError", "WRONG_DOCUMENT_ERR"],
  [5, "InvalidCharacterError", "INVALID_CHARACTER_ERR"],
  [6, "", "NO_DATA_ALLOWED_ERR"],
  [7, "NoModificationAllowedError", "NO_MODIFICATION_ALLOWED_ERR"],
  [8, "NotFoundError", "NOT_FOUND_ERR"],
  [9, "NotSupportedError", "NOT_SUPPORTED_ERR"],
  [10, "InUseAttributeError", "INUSE_ATTRIBUTE_ERR"],
  [11, "InvalidStateError", "INVALID_STATE_ERR"],
  [12, "SyntaxError", "SYNTAX_ERR"],
  [13, "InvalidModificationError", "INVALID_MODIFICATION_ERR"],
  [14, "NamespaceError", "NAMESPACE_ERR"],
  [15, "InvalidAccessError", "INVALID_ACCESS_ERR"],
  [16, "", "VALIDATION_ERR"],
  [17, "TypeMismatchError", "TYPE_MISMATCH_ERR"],
  [18, "SecurityError", "SECURITY_ERR"],
  [19, "NetworkError", "NETWORK_ERR"],
  [20, "AbortError", "ABORT_ERR"],
  [21, "URLMismatchError", "URL_MISMATCH_ERR"],
  [22, "QuotaExceededError", "QUOTA_EXCEEDED_ERR"],
  [23, "TimeoutError", "TIMEOUT_ERR"],
  [24, "InvalidNodeTypeError", "INVALID_NODE_TYPE_ERR"],
  [25, "DataCloneError", "DATA_CLONE_ERR"],
];

/** A real Error by its internal slot, so that it crosses the border and fails a run as one. */
export class DOMException extends Error {
  readonly #name: string;
  readonly #message: string;

  constructor(message: unknown = "", options: unknown = "Error") {
    const dictionary = typeof options === "object" && options !== null;
    const { name = "Error" } = (dictionary ? options : { name: options }) as { name?: unknown };
    const text = toText(message);
    super(text);
    Reflect.deleteProperty(this, "message"); // the prototype has it; V8 only writes into stacks what Error was given
    this.#message = text;
    this.#name = toText(name);
    if (dictionary && "cause" in options) hide(this, "cause", options.cause);
    // The stack was made before there was a name.
    primordials.captureStackTrace(this, new.target);
  }

  override get name(): string {
    return this.#name;
  }

  override get message(): string {
    return this.#message;
  }

  get code(): number {
    return LEGACY.find(([, name]) => name === this.#name && name !== "")?.[0] ?? 0;
  }

  /** A copy, for structuredClone; undefined when `value` is none. */
  static copy(value: object): DOMException | undefined {
    if (!(#name in value)) return undefined;
    const copy = new DOMException(value.#message, value.#name);
    hide(copy, "stack", value.stack);
    return copy;
  }
}

export const { copy: copyDOMException } = DOMException;
Reflect.deleteProperty(DOMException, "copy");

for (const [value, , constant] of LEGACY) {
  for (const holder of [DOMException, DOMException.prototype]) {
    Object.defineProperty(holder, constant, { value, enumerable: true });
  }
}
