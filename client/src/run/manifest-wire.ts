import { createHash } from "node:crypto";
import { CodemodeError } from "@codemode/proto";
import { type Component as Described, Manifest, ManifestPiece, type Start } from "@codemode/proto/messages";
import type { Component } from "../registry/component.ts";
import type { ComponentSet } from "../registry/component-set.ts";

const IN_START_BYTES = 4_096; // what it costs less to send than to ask for
const PIECE_BYTES = 524_288;
const PIECE_COMPONENTS = 1_000; // an executor takes no message of too many fields
const MAX_COMPONENT_BYTES = 1_048_576;
const MAX_BYTES = 16_777_216; // as every executor has it

/**
 * The components of a run as an executor is told of them: in Start where they are few, otherwise by their hash, and in full
 * when the executor does not know it.
 */
export class WireManifest {
  readonly encoded: Uint8Array;
  readonly #manifest: Manifest;
  #hash: Buffer | undefined;

  constructor(manifest: Manifest) {
    this.#manifest = manifest;
    this.encoded = Manifest.encode(manifest).finish();
  }

  /** Of what was encoded before. */
  static of(encoded: Uint8Array): WireManifest {
    return new WireManifest(Manifest.decode(encoded));
  }

  get inStart(): NonNullable<Start["components"]> {
    return this.encoded.length <= IN_START_BYTES
      ? { $case: "manifest", value: this.#manifest }
      : { $case: "manifestHash", value: this.hash };
  }

  get hash(): Buffer {
    return (this.#hash ??= createHash("sha256").update(this.encoded).digest());
  }

  pieces(): ManifestPiece[] {
    const pieces = [...cut("tools", this.#manifest.tools), ...cut("agents", this.#manifest.agents)];
    return pieces.map((manifest, index) => ({ manifest, more: index < pieces.length - 1 }));
  }
}

function* cut(list: "tools" | "agents", components: readonly Described[]): Generator<Manifest> {
  let piece: Manifest = { tools: [], agents: [] };
  let bytes = 0;
  for (const component of components) {
    const size = sizeOf(component);
    if (bytes + size > PIECE_BYTES || piece[list].length === PIECE_COMPONENTS) {
      if (piece[list].length > 0) yield piece;
      piece = { tools: [], agents: [] };
      bytes = 0;
    }
    piece[list].push(component);
    bytes += size;
  }
  if (piece[list].length > 0) yield piece;
}

const made = new WeakMap<ComponentSet, WireManifest>();

/**
 * The manifest of `set`, made once.
 *
 * @throws CodemodeError `INVALID_ARGUMENT` when the set is more than an executor takes.
 */
export function manifestOf(set: ComponentSet): WireManifest {
  const known = made.get(set);
  if (known) return known;
  const manifest = { tools: [...set.tools.values()].map(describe), agents: [...set.agents.values()].map(describe) };
  const wire = new WireManifest(manifest);
  if (wire.encoded.length > MAX_BYTES) {
    const size = `take ${wire.encoded.length} bytes with their descriptions and schemas, at most ${MAX_BYTES} are possible`;
    throw new CodemodeError(
      "INVALID_ARGUMENT",
      `Cannot run: its ${set.tools.size} tools and ${set.agents.size} agents ${size}; choose some by { tools, agents }`,
    );
  }
  made.set(set, wire);
  return wire;
}

function describe({ kind, name, description, input, output }: Component): Described {
  const described = { name, description, inputSchemaJson: input.json, outputSchemaJson: output.json };
  const bytes = sizeOf(described);
  if (bytes <= MAX_COMPONENT_BYTES) return described;
  const size = `takes ${bytes} bytes with its description and schemas, at most ${MAX_COMPONENT_BYTES} are possible`;
  throw new CodemodeError("INVALID_ARGUMENT", `Cannot run: the ${kind} ${JSON.stringify(name)} ${size}`);
}

function sizeOf({ name, description, inputSchemaJson, outputSchemaJson }: Described): number {
  return [name, description, inputSchemaJson, outputSchemaJson].reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}
