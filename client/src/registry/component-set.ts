import type { Component } from "./component.ts";

/** What a run may call. Never changes: a registry makes another one when it does. */
export class ComponentSet {
  static readonly NONE: ComponentSet = new ComponentSet([], []);

  /** By name. */
  readonly tools: ReadonlyMap<string, Component>;
  readonly agents: ReadonlyMap<string, Component>;

  constructor(tools: Iterable<Component>, agents: Iterable<Component>) {
    this.tools = new Map(Iterator.from(tools).map((component) => [component.name, component]));
    this.agents = new Map(Iterator.from(agents).map((component) => [component.name, component]));
  }

  get size(): number {
    return this.tools.size + this.agents.size;
  }

  get(kind: Component["kind"], name: string): Component | undefined {
    return (kind === "tool" ? this.tools : this.agents).get(name);
  }
}
