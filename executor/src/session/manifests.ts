import type { ComponentSet } from "./manifest.ts";

const MAX_BYTES = 67_108_864; // of all callers together
const BYTES_OF_NAME = 100; // in a Set, about

/** The sets of components that one caller has sent. */
export interface KnownManifests {
  get(hash: Uint8Array): ComponentSet | undefined;
  add(hash: Uint8Array, set: ComponentSet): void;
}

type Shelf = Map<string, ComponentSet>;

/**
 * Sets of components by their hash, so that each crosses once. Each caller has a shelf of its own: what one has sent tells
 * another nothing, and where room is needed the caller who holds most gives up what it has not used for longest.
 */
export class Manifests {
  readonly #maxBytes: number;
  readonly #shelves = new Map<string, { readonly sets: Shelf; bytes: number }>();
  #bytes = 0;

  constructor(maxBytes: number = MAX_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** In bytes, about. */
  get bytes(): number {
    return this.#bytes;
  }

  of(account: string): KnownManifests {
    return {
      get: (hash) => {
        const sets = this.#shelves.get(account)?.sets;
        const key = keyOf(hash);
        const set = sets?.get(key);
        if (!set || !sets) return undefined;
        sets.delete(key); // it comes last again
        sets.set(key, set);
        return set;
      },
      add: (hash, set) => this.#add(account, keyOf(hash), set),
    };
  }

  #add(account: string, key: string, set: ComponentSet): void {
    const shelf = this.#shelves.get(account) ?? { sets: new Map<string, ComponentSet>(), bytes: 0 };
    this.#shelves.set(account, shelf);
    if (shelf.sets.has(key)) return; // two runs have sent it at a time
    shelf.sets.set(key, set);
    shelf.bytes += bytesOf(set);
    this.#bytes += bytesOf(set);
    while (this.#bytes > this.#maxBytes) this.#forget();
  }

  #forget(): void {
    const [account, shelf] = [...this.#shelves].reduce((most, other) =>
      other[1].bytes > most[1].bytes ? other : most,
    );
    const [oldest] = shelf.sets;
    if (!oldest) return;
    const [key, set] = oldest;
    shelf.sets.delete(key);
    shelf.bytes -= bytesOf(set);
    this.#bytes -= bytesOf(set);
    if (shelf.sets.size === 0) this.#shelves.delete(account);
  }
}

function keyOf(hash: Uint8Array): string {
  return Buffer.from(hash).toString("base64");
}

function bytesOf({ encoded, tools, agents }: ComponentSet): number {
  return encoded.length + (tools.size + agents.size) * BYTES_OF_NAME;
}
