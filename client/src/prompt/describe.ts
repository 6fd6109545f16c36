import { CodemodeError } from "@codemode/proto";
import type { ComponentRegistry, JsonSchema } from "../registry/index.ts";
import { declarationsOf, inOrder } from "./declarations.ts";
import { instructions } from "./instructions.ts";
import { namesOf } from "./names.ts";
import { estimateTokens } from "./tokens.ts";

/** What of a registry is described, and in how many tokens. */
export interface DescribeOptions {
  /**
   * Most tokens that `toolDescription` may take, as estimated without a tokenizer: rather too many than too few. The
   * instructions, about 300 of them, are told in any case.
   *
   * @defaultValue 10_000
   */
  readonly budgetTokens?: number;
  /** Names of tools. All that are registered when absent. */
  readonly tools?: readonly string[];
  /** Names of agents. All that are registered when absent. */
  readonly agents?: readonly string[];
}

/** What to tell a model about the programs that it may write. */
export interface ModelDescription {
  /** How programs are written, in English. */
  readonly instructions: string;
  /**
   * TypeScript that declares `tools` and `agents`: with comments and an example call each; without these where they would
   * be over the budget; and where signatures would be too, comments with names by namespace.
   */
  readonly declarations: string;
  /** Both in one text, for the description of a tool that takes a program. */
  readonly toolDescription: string;
  /** JSON Schema of the input of such a tool: `{ code: string }`. */
  readonly inputSchema: JsonSchema;
  /** How many components `declarations` has no signature of. A program finds them by `tools.$search`. */
  readonly omitted: number;
}

const BUDGET = 10_000;
const FENCE = 10; // tokens between the two

const INPUT: JsonSchema = Object.freeze({
  type: "object",
  properties: Object.freeze({
    code: Object.freeze({
      type: "string",
      description: "The program: the body of an async function in JavaScript or TypeScript.",
    }),
  }),
  required: Object.freeze(["code"]),
  additionalProperties: false,
});

/**
 * Describes the components that the registry has at this moment. The same components make the same text, byte for byte.
 *
 * @throws {@link ComponentNotFoundError} for a name that is not registered.
 * @throws {@link CodemodeError} `INVALID_ARGUMENT` for a budget that is none.
 */
export function describe(registry: ComponentRegistry, options: DescribeOptions = {}): ModelDescription {
  const { budgetTokens = BUDGET, tools, agents } = options;
  if (typeof budgetTokens !== "number" || !(budgetTokens >= 0)) {
    throw new CodemodeError(
      "INVALID_ARGUMENT",
      `Cannot describe: budgetTokens ${String(budgetTokens)} is no number from 0 on`,
    );
  }
  const components = inOrder([
    ...new Set([
      ...(tools?.map((name) => registry.getTool(name)) ?? registry.listTools()),
      ...(agents?.map((name) => registry.getAgent(name)) ?? registry.listAgents()),
    ]),
  ]);
  const kinds = {
    tools: components.some(({ kind }) => kind === "tool"),
    agents: components.some(({ kind }) => kind === "agent"),
    fetch: components.some(({ kind, name }) => kind === "tool" && name === "fetch"),
  };
  const whole = instructions({ ...kinds, all: true });
  for (const detail of ["docs", "signature"] as const) {
    const room = budgetTokens - FENCE - estimateTokens(whole);
    const declarations = declarationsOf(components, detail, { budgetTokens: room });
    if (declarations !== undefined) return description(whole, declarations, 0);
  }
  const partly = instructions({ ...kinds, all: false });
  const names = namesOf(components, budgetTokens - FENCE - estimateTokens(partly));
  return description(partly, names, components.length);
}

function description(text: string, declarations: string, omitted: number): ModelDescription {
  const toolDescription = declarations === "" ? text : `${text}\n\n\`\`\`ts\n${declarations}\n\`\`\``;
  return { instructions: text, declarations, toolDescription, inputSchema: INPUT, omitted };
}
