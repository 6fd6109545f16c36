import type { Component } from "./component.ts";
import type { Live } from "./sources/open.ts";

/** What one `registerAll` has registered. Disposing of it takes all of it away again, and stops following its source. */
export interface Registration extends Disposable {
  /** The names under which its tools and agents are registered now, in their order. */
  readonly names: readonly string[];
}

/** A live source has changed its tools. */
export interface RegistrationChange {
  /** The names that are new, or mean another tool now. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Why the change could not be followed: the tools are as before. */
  readonly error?: Error;
}

/** What a registration does to the registry: takes away what it had, puts in what it has, all or nothing. */
export type Swap = (gone: readonly Component[], added: readonly Component[]) => void;

/** See `Registration`. Changes are followed one after the other, and the last state of the source is what counts. */
export class LiveRegistration implements Registration {
  #components: readonly Component[];
  readonly #swap: Swap;
  readonly #onChange: ((change: RegistrationChange) => void) | undefined;
  #live: Live | undefined;
  #isDisposed = false;
  #isRefreshing = false;
  #isStale = false;

  constructor(components: readonly Component[], swap: Swap, onChange?: (change: RegistrationChange) => void) {
    this.#components = components;
    this.#swap = swap;
    this.#onChange = onChange;
    swap([], components);
  }

  get names(): readonly string[] {
    return this.#components.map(({ name }) => name);
  }

  /** Follows a source, and stops that when it is disposed of. */
  follow(live: Live): void {
    this.#live = live;
    live.watch(() => {
      this.#isStale = true;
      if (!this.#isRefreshing) void this.#refreshAll(live);
    });
  }

  async #refreshAll(live: Live): Promise<void> {
    this.#isRefreshing = true;
    while (this.#isStale && !this.#isDisposed) {
      this.#isStale = false;
      await this.#refresh(live);
    }
    this.#isRefreshing = false;
  }

  async #refresh(live: Live): Promise<void> {
    try {
      const found = await live.read();
      if (this.#isDisposed) return;
      const before = new Map(this.#components.map((component) => [component.name, component]));
      const components = found.map((component) => unchanged(component, before.get(component.name)) ?? component);
      const added = components.filter((component) => before.get(component.name) !== component);
      const names = new Set(components.map(({ name }) => name));
      const removed = [...before.keys()].filter((name) => !names.has(name));
      this.#swap(this.#components, components);
      this.#components = components;
      if (added.length + removed.length > 0) this.#tell({ added: added.map(({ name }) => name), removed });
    } catch (cause) {
      const error = cause instanceof Error ? cause : new Error(String(cause), { cause });
      if (!this.#isDisposed) this.#tell({ added: [], removed: [], error });
    }
  }

  #tell(change: RegistrationChange): void {
    try {
      if (this.#onChange) this.#onChange(change);
      else if (change.error) process.emitWarning(`A change of tools was not followed: ${change.error.message}`);
    } catch (error) {
      process.emitWarning(`onChange of registerAll() threw: ${String(error)}`);
    }
  }

  [Symbol.dispose](): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#live?.stop();
    this.#swap(this.#components, []);
    this.#components = [];
  }
}

/** The component that was there, when nothing about it is new. */
function unchanged(now: Component, before: Component | undefined): Component | undefined {
  const isSame =
    before?.originName === now.originName &&
    before?.description === now.description &&
    before.idempotent === now.idempotent &&
    before.input.json === now.input.json &&
    before.output.json === now.output.json;
  return isSame ? before : undefined;
}
