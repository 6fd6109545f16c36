import { CallKind } from "@codemode/proto/messages";
import type { CallReport } from "../session/report.ts";

const MAX_TOOLS = 100; // each is a series of its own wherever the metrics go
const OTHER = "other";

/** What metrics call tools and agents: the first hundred by their names, which are the callers' choice, and the rest alike. */
export class ToolLabels {
  readonly #known = new Set<string>();

  of({ kind, name }: Pick<CallReport, "kind" | "name">): string {
    const label = kind === CallKind.CALL_KIND_AGENT ? `agents.${name}` : name;
    if (this.#known.has(label)) return label;
    if (this.#known.size >= MAX_TOOLS) return OTHER;
    this.#known.add(label);
    return label;
  }
}
