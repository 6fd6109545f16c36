import { cannot, type Found } from "../found.ts";
import { mustNotAsk } from "./approval.ts";
import { type Foreign, hasMethods, method, nameOf, schemaOf, textOf } from "./reading.ts";

/** A tool of TanStack AI: `toolDefinition({…}).server(execute)`. */
export function fromTanStack(value: object): Found | undefined {
  const tool = value as Foreign;
  const side = tool["__toolSide"];
  if (side === undefined) return undefined;
  const name = nameOf(tool["name"]);
  const origin = `the TanStack tool "${name}"`;
  if (side !== "server" || !hasMethods(tool, "execute")) {
    throw cannot(
      "tool",
      name ?? "",
      origin,
      "it does not say what the server does; register what its server() returns",
    );
  }
  mustNotAsk("tool", name ?? "", origin, tool["needsApproval"]);
  return {
    kind: "tool",
    name,
    origin,
    description: textOf(tool["description"]),
    inputSchema: schemaOf(tool["inputSchema"]),
    outputSchema: schemaOf(tool["outputSchema"]),
    handle: (input, call) =>
      method(tool, "execute")(input, {
        toolCallId: call.idempotencyKey,
        context: call.context.variables,
        abortSignal: call.signal,
        emitCustomEvent: () => {},
      }),
  };
}

/** A tool of Anthropic's SDK that can be run: `input_schema` and `run`. */
export function fromAnthropic(value: object): Found | undefined {
  const tool = value as Foreign;
  if (!("input_schema" in tool) || !hasMethods(tool, "run")) return undefined;
  const name = nameOf(tool["name"]);
  return {
    kind: "tool",
    name,
    origin: `the Anthropic tool "${name}"`,
    description: textOf(tool["description"]),
    inputSchema: schemaOf(tool["input_schema"]),
    async handle(input, { signal }) {
      const parsed = hasMethods(tool, "parse") ? method(tool, "parse")(input) : input;
      return textOfBlocks(await method(tool, "run")(parsed, { signal }));
    },
  };
}

/** Blocks of text alone are that text. */
function textOfBlocks(answer: unknown): unknown {
  if (!Array.isArray(answer) || answer.length === 0) return answer;
  const texts = answer.map((block: Foreign | null) => (block?.["type"] === "text" ? block["text"] : undefined));
  return texts.every((text) => typeof text === "string") ? texts.join("\n") : answer;
}
