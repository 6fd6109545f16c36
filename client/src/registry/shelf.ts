import { ComponentAlreadyExistsError, ComponentNotFoundError } from "../errors.ts";
import type { Component } from "./component.ts";

/** The components of one kind by their names, no two of which mean the same to a program. */
export class Shelf {
  readonly #kind: Component["kind"];
  readonly #components = new Map<string, Component>();

  constructor(kind: Component["kind"]) {
    this.#kind = kind;
  }

  /** @throws {@link ComponentNotFoundError} when there is none. */
  get(name: string): Component {
    const component = this.#components.get(name);
    if (component) return component;
    const names = [...this.#components.keys()];
    const known = names.length === 0 ? "none is registered" : `registered: ${names.slice(0, 20).join(", ")}`;
    throw new ComponentNotFoundError(`There is no ${this.#kind} "${name}"; ${known}`);
  }

  list(): readonly Component[] {
    return [...this.#components.values()];
  }

  delete(name: string): boolean {
    return this.#components.delete(name);
  }

  clear(): void {
    this.#components.clear();
  }

  /**
   * Prepares to take `gone` away, where they still are, and to put `added` in their place; what it returns does it.
   *
   * @throws {@link ComponentAlreadyExistsError} when a name is taken, or means what another one means.
   */
  prepare(gone: readonly Component[], added: readonly Component[], overwrite: boolean): () => void {
    const leaving = new Set(gone.filter((component) => this.#components.get(component.name) === component));
    const coming = new Map<string, Component>();
    const staying = (name: string): Component | undefined => {
      const component = this.#components.get(name);
      return component && leaving.has(component) ? undefined : component;
    };
    for (const component of added) {
      const { name } = component;
      const taken = coming.get(name) ?? (overwrite ? undefined : staying(name));
      if (taken) throw this.#taken(component, taken, coming.has(name));
      const other = name.endsWith(".run") ? name.slice(0, -".run".length) : `${name}.run`;
      const alike = coming.get(other) ?? staying(other);
      if (alike) throw this.#alike(component, alike);
      coming.set(name, component);
    }
    return () => {
      for (const { name } of leaving) if (!coming.has(name)) this.#components.delete(name);
      for (const [name, component] of coming) this.#components.set(name, component);
    };
  }

  #taken({ name, origin }: Component, taken: Component, isOfSameSource: boolean): ComponentAlreadyExistsError {
    const instead = isOfSameSource
      ? "rename one of them"
      : "pass { overwrite: true } to replace it, or register under another name";
    const by = `it is registered already (${taken.origin})`;
    return new ComponentAlreadyExistsError(`Cannot register ${this.#kind} "${name}" (${origin}): ${by}; ${instead}`);
  }

  #alike({ name, origin }: Component, other: Component): ComponentAlreadyExistsError {
    const [called, as] = other.name.length < name.length ? [other.name, name] : [name, other.name];
    const why = `a program calls "${called}" as ${this.#kind}s.${as}() too (${other.origin})`;
    return new ComponentAlreadyExistsError(`Cannot register ${this.#kind} "${name}" (${origin}): ${why}`);
  }
}
