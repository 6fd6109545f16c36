import { access, asList, asRecord, signatureOf } from "@codemode/proto/discovery";
import { declarationsOf, schemaOf } from "../prompt/index.ts";
import type { Component } from "../registry/index.ts";
import type { RunFailure } from "../run/index.ts";
import { compile, type Diagnostic } from "./compiler.ts";
import { isConstantAt, type LiteralCall, literalCalls } from "./literals.ts";

// Check
// ==========================================================================
// Finds calls that cannot succeed, before any call is made. What it says is so: it speaks only of calls of a tool with an
// object literal, whose schema is a JSON Schema (a Standard Schema may take more than it says), and only of what stands in
// that literal: a member that is missing or that there is not, a constant of another type. The compiler says what is
// wrong; that this is because of the tool's declaration is proved by compiling again with a tool that takes anything.
// A program that catches anything is not checked: a call that fails may be what it wants.

const MISSING = new Set([2739, 2740, 2741]);
const UNKNOWN = new Set([2353, 2561]);
const TYPE = new Set([2322, 2820]);
const CATCHES = /\bcatch\b|\ballSettled\b|\bthen\b/;
const FENCE = /^(\s*)```[^\n]*\n([^]*?)\n?```\s*$/;
const HEAD = "export {}; async function program() {\n";
const ANYTHING = "declare const tools: any; declare const agents: any;\n";
const SURROUNDINGS =
  "declare const context: any, config: any, codemode: any, console: any, fetch: any;\n" +
  "declare function text(value: any): void; declare function json(value: any): void; declare function callTool(...given: any[]): any;\n";

/** What a model can mend in `code` before it runs; undefined when nothing is known to be wrong. */
export async function checkTypes(code: string, components: readonly Component[]): Promise<RunFailure | undefined> {
  const calls = literalCalls(code);
  if (calls.length === 0 || CATCHES.test(code)) return undefined;
  const tools = new Map(components.filter(isExact).map((component) => [component.name, component]));
  const named = new Map<LiteralCall, Component>();
  for (const call of calls) {
    const tool = tools.get(call.path.join("."));
    if (tool) named.set(call, tool);
  }
  if (named.size === 0) return undefined;
  const program = `${HEAD}${unfenced(code)}\n}\n`;
  const declarations = declarationsOf([...new Set(named.values())], "signature", { open: true }) ?? "";
  const found = (await compile(program, SURROUNDINGS + declarations)) ?? [];
  const proved = found.filter((diagnostic) => callAt(code, named.keys(), diagnostic));
  if (proved.length === 0) return undefined;
  const others = await compile(program, SURROUNDINGS + ANYTHING);
  if (!others) return undefined;
  const diagnostic = proved.find(
    (one) => !others.some((other) => other.line === one.line && other.column === one.column),
  );
  const call = diagnostic && callAt(code, named.keys(), diagnostic);
  return diagnostic && call && failureOf(code, diagnostic, named.get(call) as Component);
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

/** The call that a diagnostic is about, when what stands there is enough to prove it. */
function callAt(
  code: string,
  calls: Iterable<LiteralCall>,
  { code: number, line, column }: Diagnostic,
): LiteralCall | undefined {
  const at = offsetOf(code, line - 1, column);
  for (const call of calls) {
    if (at < call.start || at >= call.end || call.inner.some(([from, to]) => at > from && at < to)) continue;
    if (MISSING.has(number) && call.isWhole && at === call.start) return call;
    if (UNKNOWN.has(number)) return call;
    if (TYPE.has(number) && isConstantAt(code, at)) return call;
  }
  return undefined;
}

function failureOf(code: string, { line, column, message }: Diagnostic, tool: Component): RunFailure {
  const signature = signatureOf({
    kind: "tool",
    name: tool.name,
    input: schemaOf(tool.input.json),
    output: schemaOf(tool.output.json),
  });
  const said = message.length > 500 ? `${message.slice(0, 500)}…` : message;
  return {
    type: "ToolInputError",
    message: `${said} Found before the program ran: nothing was called.`,
    line: line - 1,
    column,
    frame: frameOf(code, line - 1, column),
    hint: `change the input of ${access("tool", tool.name)} as its signature says`,
    tool: tool.name,
    signature,
  };
}

/** The program as the executor runs it, its lines where they were. */
function unfenced(code: string): string {
  const inside = FENCE.exec(code);
  return inside ? `${inside[1]}\n${inside[2]}` : code;
}

function offsetOf(code: string, line: number, column: number): number {
  let start = 0;
  for (let at = 1; at < line; at++) start = code.indexOf("\n", start) + 1;
  return start + column - 1;
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
