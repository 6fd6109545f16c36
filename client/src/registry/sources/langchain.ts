import type { Found } from "../found.ts";
import { type Foreign, hasMethods, method, nameOf, schemaOf, textOf, withoutChange } from "./reading.ts";

/** A tool of LangChain.js. It checks its input itself, and applies the transformations of its schema. */
export function fromLangChain(value: object): Found | undefined {
  const tool = value as Foreign;
  if (!Array.isArray(tool["lc_namespace"]) || !("schema" in tool) || !hasMethods(tool, "invoke")) return undefined;
  const name = nameOf(tool["name"]);
  const invoke = method(tool, "invoke");
  return {
    kind: "tool",
    name,
    origin: `the LangChain tool "${name}"`,
    description: textOf(tool["description"]),
    inputSchema: withoutChange(schemaOf(tool["schema"])),
    handle: async (input, { signal }) => contentOf(await invoke(input, { signal })),
  };
}

/** What a tool answers: itself, or what a message holds. */
export function contentOf(answer: unknown): unknown {
  const { lc_namespace: space, content } = (answer ?? {}) as { lc_namespace?: unknown; content?: unknown };
  return Array.isArray(space) && content !== undefined ? content : answer;
}
