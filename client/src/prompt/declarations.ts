import { indent, keyOf } from "@codemode/proto/discovery";
import type { Component } from "../registry/index.ts";
import { estimateTokens } from "./tokens.ts";
import { declare, type Declared, type Detail, prefixesOf } from "./component.ts";

/** A namespace, a component, or both. */
interface Node {
  readonly members: Map<string, Node>;
  component?: Component;
}

/**
 * TypeScript that declares `tools` and `agents`, namespaces as objects in objects. Sorted by name, so that a component
 * more changes nothing in front of its place, and named types last, so that they do not either. Undefined when they take
 * more than `budgetTokens`.
 */
export function declarationsOf(
  components: readonly Component[],
  detail: Detail,
  { budgetTokens = Infinity, open = false }: { readonly budgetTokens?: number; readonly open?: boolean } = {},
): string | undefined {
  const sorted = inOrder(components);
  const prefixes = prefixesOf(sorted);
  // Of thousands, those that there is no room for are not even made.
  let left = budgetTokens;
  for (const component of sorted) {
    left -= declare(component, detail, prefixes.get(component) as string, open).tokens;
    if (left < 0) return undefined;
  }
  const types: string[] = [];
  const declared = (component: Component): Declared => {
    const one = declare(component, detail, prefixes.get(component) as string, open);
    types.push(...one.types);
    return one;
  };
  const parts = (["tool", "agent"] as const).flatMap((kind) => {
    const own = sorted.filter((component) => component.kind === kind);
    return own.length === 0 ? [] : [`declare const ${kind}s: ${shown(treeOf(own), declared, kind)};`];
  });
  const text = [...parts, ...types].join("\n");
  return budgetTokens === Infinity || estimateTokens(text) <= budgetTokens ? text : undefined;
}

/** By name, part for part: a namespace is in one place. Tools first. */
export function inOrder(components: readonly Component[]): readonly Component[] {
  const keys = new Map(components.map((component) => [component, component.name.replaceAll(".", "\0")]));
  return components.toSorted((a, b) => {
    if (a.kind !== b.kind) return a.kind === "tool" ? -1 : 1;
    return (keys.get(a) as string) < (keys.get(b) as string) ? -1 : 1; // no two have one name
  });
}

function treeOf(components: readonly Component[]): Node {
  const root: Node = { members: new Map() };
  for (const component of components) {
    let at = root;
    for (const part of component.name.split(".")) {
      const next = at.members.get(part) ?? { members: new Map() };
      at.members.set(part, next);
      at = next;
    }
    at.component = component;
  }
  return root;
}

function shown(node: Node, declared: (component: Component) => Declared, kind: Component["kind"]): string {
  const lines: string[] = [];
  for (const [name, { members, component }] of node.members) {
    const key = keyOf(name);
    const { doc, call } = component ? declared(component) : { doc: "", call: "" };
    const member = (text: string) => (doc === "" ? text : `${doc}\n${text}`);
    if (kind === "tool" && component !== undefined && members.size === 0) lines.push(member(`${key}${call};`));
    else {
      const own = component === undefined ? [] : [member(kind === "agent" ? `run${call};` : `${call};`)];
      const below = members.size === 0 ? [] : [inside(shown({ members }, declared, kind))];
      lines.push(`${key}: {\n  ${indent([...own, ...below].join("\n"))}\n};`);
    }
  }
  return `{\n  ${indent(lines.join("\n"))}\n}`;
}

/** What stands between the braces. */
function inside(block: string): string {
  return block.slice(4, -2).replaceAll("\n  ", "\n");
}
