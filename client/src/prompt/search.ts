import { SearchIndex, signatureOf } from "@codemode/proto/discovery";
import type { ComponentSet } from "../registry/component-set.ts";
import type { Component } from "../registry/index.ts";
import { schemaOf } from "./component.ts";

/** A component that a search has found. */
export interface FoundComponent {
  readonly kind: "tool" | "agent";
  readonly name: string;
  readonly description: string;
  /** How it is called: `tools.add(input: { a: number; b: number }): Promise<number>`. */
  readonly signature: string;
}

/** How to search. */
export interface SearchOptions {
  /**
   * Most components to be told.
   *
   * @defaultValue 20
   */
  readonly limit?: number;
}

const LIMIT = 20;
const indexes = new WeakMap<ComponentSet, { readonly components: readonly Component[]; readonly index: SearchIndex }>();

/** The components that `tools.$search` would find in a program, in the same order. */
export function search(set: ComponentSet, query: string, options: SearchOptions = {}): readonly FoundComponent[] {
  const { components, index } = indexes.get(set) ?? indexed(set);
  return index
    .search(query)
    .slice(0, options.limit ?? LIMIT)
    .map((at) => {
      const { kind, name, description, input, output } = components[at] as Component;
      const signature = signatureOf({ kind, name, input: schemaOf(input.json), output: schemaOf(output.json) });
      return { kind, name, description, signature };
    });
}

function indexed(set: ComponentSet): { readonly components: readonly Component[]; readonly index: SearchIndex } {
  const components = [...set.tools.values(), ...set.agents.values()];
  const index = new SearchIndex(components.length, (at) => {
    const { name, description, input } = components[at] as Component;
    return { name, description, input: schemaOf(input.json) };
  });
  indexes.set(set, { components, index });
  return { components, index };
}
