import { RegistryError } from "../errors.ts";

/** An OpenAPI document, 3.0 or 3.1, as JSON.parse or a YAML parser gives it. */
export type OpenApiDocument = { readonly [key: string]: unknown };

export type Node = Readonly<Record<string, unknown>>;

const MAX_HOPS = 32; // of references that refer to references

/** A document, read with care: what is no object where one belongs is none. */
export class Reader {
  readonly document: OpenApiDocument;
  /** How errors call it. */
  readonly origin: string;
  /** Its schemas are not yet JSON Schema. */
  readonly isOld: boolean;

  /** @throws {@link RegistryError} when it is no OpenAPI document of version 3. */
  constructor(document: OpenApiDocument) {
    const { openapi, swagger, info } = nodeOf(document);
    const { title } = nodeOf(info);
    this.document = document;
    this.origin = `the OpenAPI document${typeof title === "string" ? ` "${title.slice(0, 100)}"` : ""}`;
    const version = textOf(openapi) || textOf(swagger) || "none";
    if (!/^3\.[012](\.|$)/.test(version))
      throw this.refusal(`its version is ${version.slice(0, 20)}, and not 3.0 or 3.1`);
    this.isOld = version.startsWith("3.0");
  }

  /** What `value` is, or what it refers to within this document. */
  resolve(value: unknown): Node {
    let node = nodeOf(value);
    for (let hops = 0; typeof node["$ref"] === "string"; hops++) {
      if (hops > MAX_HOPS) throw this.refusal(`${JSON.stringify(node["$ref"])} refers to itself`);
      node = nodeOf(this.at(node["$ref"]));
    }
    return node;
  }

  /** What stands at a reference of this document. */
  at(reference: string): unknown {
    const what = JSON.stringify(reference.slice(0, 200));
    if (!/^#(\/|$)/.test(reference)) {
      throw this.refusal(`it refers to ${what}, which is not within it, and nothing is fetched or read`);
    }
    let value: unknown = this.document;
    for (const part of reference.split("/").slice(1)) {
      const key = decode(part);
      const isThere = typeof value === "object" && value !== null && Object.hasOwn(value, key);
      if (!isThere) throw this.refusal(`it refers to ${what}, which it does not have`);
      value = (value as Node)[key];
    }
    return value;
  }

  refusal(why: string): RegistryError {
    return new RegistryError(`Cannot make tools of ${this.origin}: ${why}`);
  }
}

export function nodeOf(value: unknown): Node {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Node) : {};
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function decode(part: string): string {
  const text = part.replaceAll("~1", "/").replaceAll("~0", "~");
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
