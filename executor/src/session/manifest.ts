import { createHash, type Hash } from "node:crypto";
import { type Component, Manifest, type ManifestPiece, type Shape, survey, Unfit } from "@codemode/proto/messages";
import { MAX_MANIFEST_BYTES } from "@codemode/proto/worker";
import type { Holding } from "./holdings.ts";
import { Refusal } from "./refusal.ts";

/** What a program may call. One object for all programs that name it by the same hash. */
export interface ComponentSet {
  readonly tools: ReadonlySet<string>;
  readonly agents: ReadonlySet<string>;
  /** The Manifest, for the worker. */
  readonly encoded: Uint8Array;
  /** What it takes in memory, about. */
  readonly bytes: number;
}

const MAX_COMPONENTS = 20_000;
/**
 * Of all pieces of a set. Each worker decodes them again, those that nobody here knows as well: a component has five, and
 * there is room for three more.
 */
const MAX_FIELDS = 8 * MAX_COMPONENTS;
const MAX_NAME_CHARS = 128;
/** Measured: 600 B of heap for a set of one tool, and what the allocator needs around what is encoded. */
const BYTES_OF_SET = 1_000;
const BYTES_OF_NAME = 100; // in a Set, beside its characters
const BYTES_OF_PIECE = 250; // of an array, beside what is in it
const NAME = /^[A-Za-z0-9_][\w$-]*(\.[A-Za-z0-9_][\w$-]*)*$/;
const TAKEN: ReadonlySet<string> = new Set(["then", "constructor", "prototype", "__proto__"]);

const component: Shape = { 1: "text", 2: "text", 3: "text", 4: "text" };
/** What is inside a Manifest. */
export const MANIFEST: Shape = { 1: component, 2: component };

export const NOTHING: ComponentSet = { tools: new Set(), agents: new Set(), encoded: new Uint8Array(), bytes: 0 };

/** The set that came whole, in Start. Throws a Refusal. */
export function componentsOf(manifest: Manifest, field: string): ComponentSet {
  const names = new Names(field);
  names.add(manifest);
  return setOf(names, [Manifest.encode(manifest).finish()]);
}

/**
 * A manifest that comes piece by piece: each is dealt with when it comes, so that none of them holds up other runs. What has
 * come is taken in `holding`, and given back when the set is there, which is counted by itself. It is hashed and kept as it
 * came: a client that is newer than this executor may say more of a component than can be read here.
 */
export class ManifestPieces {
  readonly #expected: Uint8Array;
  readonly #holding: Holding;
  readonly #names = new Names("manifest");
  readonly #hash: Hash = createHash("sha256");
  readonly #encoded: Uint8Array[] = [];
  #bytes = 0;
  #fields = 0;
  #taken = 0;

  /** `hash` is what Start has named. */
  constructor(hash: Uint8Array, holding: Holding) {
    this.#expected = hash;
    this.#holding = holding;
  }

  /**
   * The set, when the last piece has come. Throws a Refusal when it is none, or another than was named, and a BusyError
   * when there is no room for it now.
   */
  add({ manifest, more }: ManifestPiece): ComponentSet | undefined {
    this.#bytes += manifest.length;
    if (this.#bytes > MAX_MANIFEST_BYTES) throw new Refusal("manifest", `it is over ${MAX_MANIFEST_BYTES} bytes`);
    this.#names.add(this.#decode(manifest));
    const held = this.#bytes + this.#names.bytes + BYTES_OF_PIECE * (this.#encoded.length + 1);
    this.#holding.take(held - this.#taken);
    this.#taken = held;
    this.#hash.update(manifest);
    // In memory of its own, as below. Whole messages, one after the other, are the message that has the fields of all.
    this.#encoded.push(new Uint8Array(manifest));
    if (more) return undefined;
    if (!this.#hash.digest().equals(this.#expected)) {
      throw new Refusal("manifest", "it is another than start.manifest_hash names");
    }
    this.#holding.give(this.#taken);
    return setOf(this.#names, this.#encoded);
  }

  #decode(manifest: Uint8Array): Manifest {
    try {
      this.#fields += survey(manifest, MANIFEST);
      if (this.#fields > MAX_FIELDS) throw new Unfit(`it has more than ${MAX_FIELDS} fields`);
      return Manifest.decode(manifest);
    } catch (error) {
      throw new Refusal("manifest", error instanceof Unfit ? error.message : "it is no Manifest");
    }
  }
}

/** The set of these names, encoded in memory of its own: a small Buffer would keep a slab of 8 KiB alive. */
function setOf(names: Names, pieces: readonly Uint8Array[]): ComponentSet {
  const encoded = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    encoded.set(piece, at);
    at += piece.length;
  }
  return { ...names.checked(), encoded, bytes: BYTES_OF_SET + names.bytes + encoded.length };
}

/** The names of a manifest, as they come. */
class Names {
  readonly #field: string;
  readonly #tools = new Set<string>();
  readonly #agents = new Set<string>();
  /** What they take in memory, about. */
  bytes = 0;

  constructor(field: string) {
    this.#field = field;
  }

  add({ tools, agents }: Manifest): void {
    if (tools.length > 0 && this.#agents.size > 0) {
      throw new Refusal(`${this.#field}.tools`, "a tool comes after an agent");
    }
    this.#take("tools", tools, this.#tools);
    this.#take("agents", agents, this.#agents);
  }

  checked(): { readonly tools: ReadonlySet<string>; readonly agents: ReadonlySet<string> } {
    this.#checkRuns("tools", this.#tools);
    this.#checkRuns("agents", this.#agents);
    return { tools: this.#tools, agents: this.#agents };
  }

  #take(list: string, components: readonly Component[], seen: Set<string>): void {
    for (const { name } of components) {
      const problem = problemOf(name) ?? (seen.has(name) ? `"${name}" is there twice` : undefined);
      if (problem !== undefined) throw new Refusal(`${this.#field}.${list}[${seen.size}].name`, problem);
      seen.add(name);
      this.bytes += BYTES_OF_NAME + name.length;
    }
    if (this.#tools.size + this.#agents.size > MAX_COMPONENTS) {
      throw new Refusal(this.#field, `it has more than ${MAX_COMPONENTS} components`);
    }
  }

  #checkRuns(list: string, names: ReadonlySet<string>): void {
    let index = 0;
    for (const name of names) {
      if (name.endsWith(".run") && names.has(name.slice(0, -".run".length))) {
        const field = `${this.#field}.${list}[${index}].name`;
        throw new Refusal(field, `"${name}" is how "${name.slice(0, -".run".length)}" is called`);
      }
      index += 1;
    }
  }
}

function problemOf(name: string): string | undefined {
  if (name.length < 1 || name.length > MAX_NAME_CHARS) return "1 to 128 characters are needed";
  if (!NAME.test(name)) return 'letters, digits, "_", "-" and "$" are needed, with dots between parts';
  if (name.split(".").some((part) => TAKEN.has(part))) return `"${name}" means something to JavaScript`;
  return undefined;
}
