import { access, asList, asRecord, signatureOf } from "@codemode/proto/discovery";
import { declarationsOf, schemaOf } from "../prompt/index.ts";
import type { Component } from "../registry/index.ts";
import type { RunFailure } from "../run/index.ts";
import { type CertainCall, certainCalls } from "./certain.ts";
import { compile, type Diagnostic } from "./compiler.ts";
import { type Written, writeLiteral } from "./literal.ts";
import { readProgram } from "./program.ts";

// Check
// ==========================================================================
// Finds calls that cannot succeed, before any call is made. A program that would run to its end is never refused:
//
// K1  It speaks of calls that are certain (see certain.ts), of a tool that a JSON Schema guards: a Standard Schema may
//     take more than its JSON Schema says.
// K2  The compiler sees the literal of a call alone, with anything in place of what only the run knows (see literal.ts). What
//     no such literal can be is not of the tool's type, and each value that a schema accepts is.
// K3  A member that there is not counts only when it is certain to be there.

const MISSING = [2739, 2740, 2741];
const UNKNOWN = [2353, 2561];
const TYPE = [2322, 2820];
const TOLD: ReadonlySet<number> = new Set([...MISSING, ...UNKNOWN, ...TYPE]);

interface Suspect extends CertainCall {
  readonly tool: Component;
  readonly lines: readonly Written[];
}

/** What a model can mend in `code` before it runs; undefined when nothing is known to be wrong. */
export async function checkTypes(code: string, components: readonly Component[]): Promise<RunFailure | undefined> {
  if (!code.includes("tools")) return undefined;
  const program = await readProgram(code);
  const calls = program ? certainCalls(program) : [];
  const suspects = suspectsOf(calls, components);
  if (suspects.length === 0) return undefined;
  const declarations =
    declarationsOf([...new Set(suspects.map(({ tool }) => tool))], "signature", { open: true }) ?? "";
  const found = (await compile(textOf(suspects), `declare const $any: any;\n${declarations}`)) ?? [];
  // Of several the first that the program would have come to.
  const at = linesOf(suspects);
  for (const diagnostic of found.toSorted((a, b) => a.line - b.line)) {
    const [suspect, written] = at[diagnostic.line - 1] ?? [];
    if (suspect && written?.isThere && TOLD.has(diagnostic.code))
      return failureOf(code, diagnostic, suspect.tool, written);
  }
  return undefined;
}

function suspectsOf(calls: readonly CertainCall[], components: readonly Component[]): Suspect[] {
  const tools = new Map(components.map((component) => [component.name, component]));
  const exact = new Map<Component, boolean>();
  return calls.flatMap((call) => {
    const tool = tools.get(call.path.join("."));
    if (!tool) return [];
    if (!exact.has(tool)) exact.set(tool, isExact(tool));
    const lines = exact.get(tool) ? writeLiteral(call.input, !hasBranches(schemaOf(tool.input.json))) : undefined;
    return lines ? [{ ...call, tool, lines }] : [];
  });
}

/** Each literal as a variable of the type that its tool takes. */
function textOf(suspects: readonly Suspect[]): string {
  const text = suspects.map(({ tool, lines }, index) => {
    const type = tool.name.split(".").map((part) => `[${JSON.stringify(part)}]`);
    const [open, ...rest] = lines.map((line) => line.text);
    return `const $${index}: Parameters<(typeof tools)${type.join("")}>[0] = ${open}\n${rest.join("\n").replace(/,$/, ";")}\n`;
  });
  return `${text.join("")}export {};\n`;
}

/** What stands in each line of `textOf`. */
function linesOf(suspects: readonly Suspect[]): (readonly [Suspect, Written])[] {
  return suspects.flatMap((suspect) => suspect.lines.map((line) => [suspect, line] as const));
}

/** A tool whose JSON Schema is what decides, and says the type wherever it speaks of members or items. */
function isExact({ kind, inputSchema, input }: Component): boolean {
  return (
    kind === "tool" &&
    inputSchema !== undefined &&
    !("~standard" in inputSchema) &&
    isTyped(schemaOf(input.json), false, { left: 5_000 })
  );
}

function isTyped(schema: unknown, isBranch: boolean, steps: { left: number }): boolean {
  if (typeof schema !== "object" || schema === null) return true;
  if ((steps.left -= 1) < 0) return false;
  const node = asRecord(schema);
  const speaks = ["properties", "required", "items", "prefixItems", "additionalProperties"].some(
    (keyword) => keyword in node,
  );
  if (speaks && node["type"] === undefined && !isBranch) return false;
  if ("$ref" in node && (speaks || node["type"] !== undefined)) return false; // which drafts do not read
  const branches = [...asList(node["anyOf"]), ...asList(node["oneOf"]), ...asList(node["allOf"])];
  const parts = [node["items"], node["additionalProperties"], ...asList(node["prefixItems"])];
  for (const keyword of ["properties", "patternProperties", "$defs", "definitions"])
    parts.push(...Object.values(asRecord(node[keyword])));
  const isHere = isBranch || node["type"] !== undefined;
  return branches.every((part) => isTyped(part, isHere, steps)) && parts.every((part) => isTyped(part, false, steps));
}

/**
 * Whether an object of the schema may be of one type or another. Then a member that may not be there could be what a
 * compiler holds against the right one.
 */
function hasBranches(schema: unknown): boolean {
  if (typeof schema !== "object" || schema === null) return false;
  if (Array.isArray(schema)) return schema.some(hasBranches);
  const node = asRecord(schema);
  const isOfTypes = Array.isArray(node["type"]) && node["type"].includes("object");
  if (isOfTypes || ["anyOf", "oneOf", "allOf", "if"].some((keyword) => keyword in node)) return true;
  return Object.values(node).some(hasBranches);
}

function failureOf(code: string, { message }: Diagnostic, tool: Component, { node }: Written): RunFailure {
  const signature = signatureOf({
    kind: "tool",
    name: tool.name,
    input: schemaOf(tool.input.json),
    output: schemaOf(tool.output.json),
  });
  const said = message.length > 500 ? `${message.slice(0, 500)}…` : message;
  const { line, column } = node.loc?.start ?? { line: 1, column: 0 };
  return {
    type: "ToolInputError",
    message: `${said} Found before the program ran: nothing was called.`,
    line,
    column: column + 1,
    frame: frameOf(code, line, column + 1),
    hint: `change the input of ${access("tool", tool.name)} as its signature says`,
    tool: tool.name,
    signature,
  };
}

/** Up to three lines, with a mark under the place; as the executor shows it. */
function frameOf(code: string, line: number, column: number): string {
  const lines = code.split("\n");
  const width = String(line).length;
  const shown = lines.slice(Math.max(0, line - 3), line).map((text, at, all) => {
    const number = line - all.length + at + 1;
    return `${number === line ? ">" : " "} ${String(number).padStart(width)} | ${text.slice(0, 200)}`;
  });
  return [...shown, `  ${" ".repeat(width)} | ${" ".repeat(Math.min(column, 200) - 1)}^`].join("\n");
}
