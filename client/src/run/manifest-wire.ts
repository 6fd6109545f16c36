import { createHash } from "node:crypto";
import { CodemodeError } from "@codemode/proto";
import {
  asBuffer,
  type Component as Described,
  encodedFields,
  Manifest,
  type ManifestPiece,
  type Start,
} from "@codemode/proto/messages";
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
  #hash: Buffer | undefined;
  #inStart: NonNullable<Start["components"]> | undefined;

  /** `encoded` is of this version or of another: what is unknown in it is sent as well, and is in the hash. */
  constructor(encoded: Uint8Array) {
    this.encoded = encoded;
  }

  static of(manifest: Manifest): WireManifest {
    return new WireManifest(Manifest.encode(manifest).finish());
  }

  get inStart(): NonNullable<Start["components"]> {
    return (this.#inStart ??=
      this.encoded.length <= IN_START_BYTES
        ? { $case: "manifest", value: Manifest.decode(this.encoded) }
        : { $case: "manifestHash", value: this.hash });
  }

  get hash(): Buffer {
    return (this.#hash ??= createHash("sha256").update(this.encoded).digest());
  }

  pieces(): ManifestPiece[] {
    const ends = [...endsOfPieces(this.encoded)];
    return ends.map((end, index) => {
      const manifest = asBuffer(this.encoded.subarray(ends[index - 1] ?? 0, end));
      return { manifest, more: index < ends.length - 1 };
    });
  }
}

/** Where to cut: between components. */
function* endsOfPieces(encoded: Uint8Array): Generator<number> {
  let [end, bytes, components] = [0, 0, 0];
  for (const { length } of encodedFields(encoded)) {
    if (components > 0 && (bytes + length > PIECE_BYTES || components === PIECE_COMPONENTS)) {
      yield end;
      [bytes, components] = [0, 0];
    }
    end += length;
    bytes += length;
    components += 1;
  }
  yield end;
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
  const wire = WireManifest.of(manifest);
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
