import type { Found } from "../found.ts";
import { ToolError } from "../../errors.ts";
import { mustBeApproved, mustNotAsk } from "./approval.ts";
import { type Foreign, hasMethods, method, nameOf, schemaOf, textOf, withoutChange } from "./reading.ts";

const TOOL = Symbol.for("mastra.core.tool.Tool");

/** A tool of Mastra. It checks input and output itself, and answers what is wrong instead of throwing it. */
export function fromMastra(value: object): Found | undefined {
  const tool = value as Foreign;
  if (!(TOOL in tool) || !hasMethods(tool, "execute")) return undefined;
  const name = nameOf(tool["id"]);
  const origin = `the Mastra tool "${name}"`;
  mustNotAsk("tool", name ?? "", origin, tool["requireApproval"]);
  return {
    kind: "tool",
    name,
    origin,
    description: textOf(tool["description"]),
    inputSchema: withoutChange(schemaOf(tool["inputSchema"])),
    outputSchema: withoutChange(schemaOf(tool["outputSchema"])),
    async handle(input, { context, signal }) {
      // A Map has what tools use of a RequestContext.
      const requestContext = new Map(Object.entries(context.variables));
      const asks = ["needsApprovalFn", "requireApproval"].find((name) => hasMethods(tool, name));
      if (asks) await mustBeApproved(name ?? "", method(tool, asks)(input, { requestContext }));
      const answer = await method(tool, "execute")(input, { abortSignal: signal, requestContext });
      const { error, message, validationErrors } = (answer ?? {}) as Foreign;
      if (error === true && validationErrors !== undefined) throw new ToolError(textOf(message), { code: "INVALID" });
      return answer;
    },
  };
}
