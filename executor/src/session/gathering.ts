import type { CodemodeError } from "@codemode/proto";
import type { Journal as JournalPiece, ManifestPiece, Start } from "@codemode/proto/messages";
import { Journal } from "./journal.ts";
import { JournalPieces } from "./journal-pieces.ts";
import { dueInTime } from "./late.ts";
import { type ComponentSet, componentsOf, ManifestPieces, NOTHING } from "./manifest.ts";
import { Refusal } from "./refusal.ts";
import { parseStart, type Program } from "./start.ts";
import type { SessionHost } from "./stream.ts";

const HASH_BYTES = 32;

/**
 * What a run begins with, while it comes in: Start, the rest of its journal, and its components where Start only names
 * them. Deals with what Start has when it is made; then pieces, in any order, until it is whole.
 */
export class Gathering implements Disposable {
  /** Owned by whoever takes over when this is whole. */
  readonly journal: Journal;
  readonly #host: SessionHost;
  readonly #due: NodeJS.Timeout;
  readonly #hash: Uint8Array | undefined;
  #program: Program;
  #journalPieces: JournalPieces | undefined;
  #manifestPieces: ManifestPieces | undefined;

  /** Throws a Refusal or a BusyError. `late` is called when not all is here in time. */
  constructor(start: Start, host: SessionHost, late: (error: CodemodeError) => void) {
    const parsed = parseStart(start, host.ceilings);
    const { components } = start;
    let set: ComponentSet | undefined = NOTHING;
    if (components?.$case === "manifest") {
      set = componentsOf(components.value, "start.manifest");
    } else if (components) {
      this.#hash = components.value;
      if (this.#hash.length !== HASH_BYTES) {
        throw new Refusal("start.manifest_hash", `${HASH_BYTES} bytes are needed, not ${this.#hash.length}`);
      }
      set = host.manifests.get(this.#hash);
      if (!set) this.#manifestPieces = new ManifestPieces(this.#hash, host.holding);
    }
    host.holding.take(parsed.bytes);
    if (set) host.holding.share(set);
    this.#host = host;
    this.#program = { ...parsed, components: set ?? NOTHING };
    this.journal = new Journal(host.keep, (call) => host.called(call));
    this.#journalPieces = new JournalPieces(this.journal, host.keep, parsed.budgets);
    this.#due = dueInTime(() => (this.wantsManifest ? "manifest" : "journal"), late);
  }

  /** May call nothing before this is whole. */
  get program(): Program {
    return this.#program;
  }

  /** True while the app is to send the components. */
  get wantsManifest(): boolean {
    return this.#manifestPieces !== undefined;
  }

  get isWhole(): boolean {
    return !this.#journalPieces && !this.#manifestPieces;
  }

  /** Throws a Refusal or a BusyError, as JournalPieces do. */
  recall(piece: JournalPiece): void {
    if (!this.#journalPieces) throw new Refusal("journal", "nobody has asked for it");
    if (this.#journalPieces.add(piece)) this.#journalPieces = undefined;
  }

  /** Throws a Refusal or a BusyError. */
  list(piece: ManifestPiece): void {
    if (!this.#manifestPieces || !this.#hash) throw new Refusal("manifest", "nobody has asked for it");
    const set = this.#manifestPieces.add(piece);
    if (!set) return;
    this.#manifestPieces = undefined;
    const components = this.#host.manifests.add(this.#hash, set);
    this.#host.holding.share(components);
    this.#program = { ...this.#program, components };
  }

  /** Lets go of the pieces. The journal is not disposed. */
  [Symbol.dispose](): void {
    clearTimeout(this.#due);
    this.#journalPieces?.dispose();
  }
}
