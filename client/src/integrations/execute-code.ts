import type { Codemode } from "../codemode.ts";
import type { ExecuteOptions } from "../execute.ts";
import type { JsonSchema } from "../registry/index.ts";
import type { Outcome } from "../run/index.ts";

// What the tools have in common that hand `codemode.execute` to a model, whichever framework they are for.

/** How a tool runs programs, and how it is told to a model. */
export interface ExecuteCodeOptions extends Omit<ExecuteOptions, "signal" | "executionId" | "fileName"> {
  /**
   * What the model calls the tool.
   *
   * @defaultValue "execute_code"
   */
  readonly name?: string;
  /** What the model is told of the tool, instead of what `codemode.describe()` says. */
  readonly description?: string;
  /** As in `codemode.describe()`: about how many tokens the description may take. */
  readonly budgetTokens?: number;
  /**
   * Longest text of a run that the model reads, in UTF-16 units; about four make a token.
   *
   * @defaultValue 16_000
   */
  readonly textBudget?: number;
}

/** What the model is told. */
export interface ToolText {
  readonly name: string;
  readonly description: string;
  /** `{ code: string }` */
  readonly inputSchema: JsonSchema;
}

/** An image that a program has shown. Nobody has looked at it. */
export interface ImageResult {
  readonly mimeType: string;
  /** In base64. */
  readonly data: string;
}

/** What came of a program, as plain JSON: `text` is for the model, the rest for the app. */
export interface CodeResult {
  readonly status: Outcome["status"];
  /** What the model reads: the value, or how to mend the program. */
  readonly text: string;
  /** What the program returned. What JSON cannot hold is `{"$type": …}`; null when it failed or returned nothing. */
  readonly value: unknown;
  /** Why it failed; null when it did not. */
  readonly error: { readonly type: string; readonly message: string } | null;
  readonly images: readonly ImageResult[];
  readonly executionId: string;
}

const NAME = "execute_code";
const TEXT_BUDGET = 16_000; // about 4,000 tokens: what a person would read of one answer

/** What the model is told, as the registry is now. */
export function toolText(codemode: Codemode, options: ExecuteCodeOptions): ToolText {
  const { name = NAME, budgetTokens, tools, agents } = options;
  const { toolDescription, inputSchema } = codemode.describe({
    ...(budgetTokens !== undefined && { budgetTokens }),
    ...(tools && { tools }),
    ...(agents && { agents }),
  });
  // A copy: there are libraries that write into the schemas that they are given.
  return { name, description: options.description ?? toolDescription, inputSchema: structuredClone(inputSchema) };
}

/** Runs one program. Throws as `codemode.execute` does: never for what the program did. */
export function runCode(
  codemode: Codemode,
  code: string,
  options: ExecuteCodeOptions,
  signal: AbortSignal | undefined,
): Promise<Outcome> {
  return codemode.execute(code, { ...executeOptions(options), ...(signal && { signal }) });
}

/** What the model reads of a run. */
export function textOf(outcome: Outcome, { textBudget = TEXT_BUDGET }: ExecuteCodeOptions): string {
  return outcome.toModelText({ budget: textBudget });
}

export function resultOf(outcome: Outcome, options: ExecuteCodeOptions): CodeResult {
  const { status, error, executionId } = outcome;
  return {
    status,
    text: textOf(outcome, options),
    value: outcome.toJSON()["value"],
    error: error && { type: error.type, message: error.message },
    images: imagesOf(outcome),
    executionId,
  };
}

function imagesOf({ outputs }: Outcome): ImageResult[] {
  return outputs.flatMap((item) =>
    item.type === "image" ? [{ mimeType: item.mimeType, data: Buffer.from(item.data).toString("base64") }] : [],
  );
}

/** The part of the options that is for `execute`: it takes no others. */
function executeOptions(options: ExecuteCodeOptions): ExecuteOptions {
  const { name: _name, description: _description, budgetTokens: _tokens, textBudget: _text, ...rest } = options;
  return rest;
}
