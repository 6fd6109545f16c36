import { type Component, Manifest } from "@codemode/proto/messages";

type Row = readonly [name: string, description: string, inputJson: string, outputJson: string];

/** What could be a name of the program's own. */
const WORD = /[A-Za-z_$][\w$]*/g;

/**
 * What programs may call, as the guest asks for it: a program that calls two tools of five thousand learns of two. Made
 * once for all programs that may call the same.
 */
export class Catalog {
  #encoded: Uint8Array | undefined;
  #tools: ReadonlyMap<string, Component> = new Map();
  #agents: ReadonlyMap<string, Component> = new Map();
  /** What names begin with: "a" and "a.b" of "a.b.c". */
  #groups: Readonly<Record<"tool" | "agent", ReadonlySet<string>>> = { tool: new Set(), agent: new Set() };
  #names: string | undefined;
  #rows: string | undefined;

  constructor(encoded: Uint8Array = new Uint8Array()) {
    this.#encoded = encoded;
  }

  /** What the guest asks; see `Ask`. Anything else is answered with nothing. */
  ask(what: string, kind: string, name: string): string {
    this.#read();
    switch (what) {
      case "has":
        if (kind !== "tool" && kind !== "agent") return "";
        return `${this.#of(kind).has(name) ? "component" : ""}${this.#groups[kind].has(name) ? " group" : ""}`;
      case "entry": {
        const component = this.#of(kind).get(name);
        return component ? JSON.stringify(toRow(component)) : "";
      }
      case "names":
        return (this.#names ??= JSON.stringify({ tools: [...this.#tools.keys()], agents: [...this.#agents.keys()] }));
      case "rows":
        return (this.#rows ??= JSON.stringify({
          tools: Array.from(this.#tools.values(), toRow),
          agents: Array.from(this.#agents.values(), toRow),
        }));
      default:
        return "";
    }
  }

  has(kind: "tool" | "agent", name: string): boolean {
    this.#read();
    return this.#of(kind).has(name);
  }

  /** The words of `text` that name a tool, or what the names of several begin with. */
  globalsIn(text: string): string[] {
    this.#read();
    const found = new Set<string>();
    for (const [word] of text.matchAll(WORD)) {
      if (this.#tools.has(word) || this.#groups.tool.has(word)) found.add(word);
    }
    return [...found];
  }

  #of(kind: string): ReadonlyMap<string, Component> {
    return kind === "agent" ? this.#agents : this.#tools;
  }

  #read(): void {
    if (!this.#encoded) return;
    const { tools, agents } = Manifest.decode(this.#encoded);
    this.#encoded = undefined;
    this.#tools = new Map(tools.map((component) => [component.name, component]));
    this.#agents = new Map(agents.map((component) => [component.name, component]));
    this.#groups = { tool: groupsOf(this.#tools.keys()), agent: groupsOf(this.#agents.keys()) };
  }
}

function groupsOf(names: Iterable<string>): Set<string> {
  const groups = new Set<string>();
  for (const name of names) {
    for (let dot = name.indexOf("."); dot > 0; dot = name.indexOf(".", dot + 1)) groups.add(name.slice(0, dot));
  }
  return groups;
}

function toRow({ name, description, inputSchemaJson, outputSchemaJson }: Component): Row {
  return [name, description, inputSchemaJson, outputSchemaJson];
}
