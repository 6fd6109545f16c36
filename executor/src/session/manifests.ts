import type { ComponentSet } from "./manifest.ts";

const MAX_BYTES = 67_108_864; // of all callers together
const MAX_SETS = 16_384; // of all callers together: each is an object that the garbage collector looks at

/** The sets of components that one caller has sent. */
export interface KnownManifests {
  get(hash: Uint8Array): ComponentSet | undefined;
  /** The set that is known by this hash from now on: another, when two runs have sent it at a time. */
  add(hash: Uint8Array, set: ComponentSet): ComponentSet;
}

interface Shelf {
  readonly sets: Map<string, ComponentSet>;
  bytes: number;
}

/**
 * Sets of components by their hash, so that each crosses once. Each caller has a shelf of its own: what one has sent tells
 * another nothing, and where room is needed the caller who holds most, in bytes or in sets, gives up what it has not used
 * for longest.
 */
export class Manifests {
  readonly #maxBytes: number;
  readonly #shelves = new Map<string, Shelf>();
  #bytes = 0;
  #sets = 0;

  constructor(maxBytes: number = MAX_BYTES) {
    this.#maxBytes = maxBytes;
  }

  get sets(): number {
    return this.#sets;
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

  #add(account: string, key: string, set: ComponentSet): ComponentSet {
    const shelf = this.#shelves.get(account) ?? { sets: new Map<string, ComponentSet>(), bytes: 0 };
    const known = shelf.sets.get(key);
    if (known) return known;
    this.#shelves.set(account, shelf);
    shelf.sets.set(key, set);
    shelf.bytes += set.bytes;
    this.#bytes += set.bytes;
    this.#sets += 1;
    while (this.#bytes > this.#maxBytes) this.#forget((one) => one.bytes);
    while (this.#sets > MAX_SETS) this.#forget((one) => one.sets.size);
    return set;
  }

  #forget(held: (shelf: Shelf) => number): void {
    const [account, shelf] = [...this.#shelves].reduce((most, other) =>
      held(other[1]) > held(most[1]) ? other : most,
    );
    const [oldest] = shelf.sets;
    if (!oldest) return;
    const [key, { bytes }] = oldest;
    shelf.sets.delete(key);
    shelf.bytes -= bytes;
    this.#bytes -= bytes;
    this.#sets -= 1;
    if (shelf.sets.size === 0) this.#shelves.delete(account);
  }
}

function keyOf(hash: Uint8Array): string {
  return Buffer.from(hash).toString("base64");
}
