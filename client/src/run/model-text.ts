import { encode } from "@codemode/proto/values";
import type { CallRecord, LogLine, OutcomeData, OutputItem, RunFailure, RunFailureType } from "./outcome.ts";

/** How an outcome is to be told. */
export interface ModelTextOptions {
  /**
   * Longest text, in UTF-16 units; about four make a token.
   *
   * @defaultValue 4_000
   */
  readonly budget?: number;
}

const DEFAULT_BUDGET = 4_000;
const MIN_SECTION = 24; // less of a part says nothing
const MAX_DEPTH = 1_000; // whatever an executor has sent is shown
const MAX_SHOWN = 4_194_304;

/** What to do when nothing better is known. */
const FIXES: Partial<Record<RunFailureType, string>> = {
  RuntimeError: "check for this case before it happens, or catch it",
  SyntaxError: "mend the syntax at the mark",
  ToolError: "catch it, or call the tool with another input",
  ToolInputError: "change the input as the message says",
  ToolOutputError: "the tool did not keep to its own schema: do without it, or tell its author",
  UnknownTool: "call one of the tools there are; tools.$search(words) finds them",
  Timeout: "do less in one run, call tools in parallel with Promise.all, and see that every loop ends",
  CpuLimit: "compute less in one run, and see that every loop ends",
  MemoryLimit: "keep less at a time: filter and slice before collecting",
  OutputLimit: "return and print less: a count, a slice, a summary",
  CallLimit: "make fewer calls: ask for more per call, or filter first",
  Deadlock: "await only what a tool, a timer or your own code settles",
  Unserializable: "return plain data: objects, arrays, texts, numbers",
  Crashed: "run it again; if it crashes again, use less memory and no native tricks",
};

/**
 * An outcome as a model should read it: the most useful first, nothing that differs between two equal runs. Half of a
 * surrogate pair, which most interfaces of models refuse, is replaced.
 */
export function toModelText(outcome: OutcomeData<unknown>, options: ModelTextOptions = {}): string {
  const budget = Math.max(0, Math.floor(options.budget ?? DEFAULT_BUDGET));
  const { error } = outcome;
  const calls = callsText(outcome.calls);
  const warnings = outcome.warnings.map((text) => `Warning: ${text}`).join("\n");
  const output = outcome.outputs.map(outputText).join("\n");
  const sections = error
    ? [...failureTexts(error), error.frame ?? "", warnings, calls, output, logsText(outcome.logs), stackText(error)]
    : [valueText(outcome.value), warnings, output, logsText(outcome.logs), calls];
  return fit(
    sections.filter((text) => text !== ""),
    budget,
  ).toWellFormed();
}

/**
 * Sections in order, each whole if there is room, else cut. A long one leaves to those behind it what they need, up to
 * a third of the room: a value or a message of any length must not hide a fix or a warning.
 */
function fit(sections: readonly string[], budget: number): string {
  let text = "";
  for (const [index, section] of sections.entries()) {
    const between = text === "" ? "" : "\n";
    const left = budget - text.length - between.length;
    const behind = sections.slice(index + 1).reduce((sum, other) => sum + other.length + 1, 0);
    const room = Math.max(left - Math.min(behind, Math.floor(left / 3)), Math.min(left, MIN_SECTION));
    if (room < Math.min(MIN_SECTION, section.length)) continue;
    text += between + cut(section, room);
  }
  return cut(text, budget);
}

function cut(text: string, room: number): string {
  if (text.length <= room) return text;
  if (room < 1) return "";
  const end = room - 1;
  // No half of a surrogate pair.
  const code = text.charCodeAt(end - 1);
  return `${text.slice(0, code >= 0xd800 && code < 0xdc00 ? end - 1 : end)}…`;
}

/** The cause, the fix and the signature. */
function failureTexts(error: RunFailure): string[] {
  const { type, name, message, line, column } = error;
  const at = line === undefined ? "" : ` at line ${line}${column === undefined ? "" : `, column ${column}`}`;
  const thrown = name && name !== type && name !== "Error" && type === "RuntimeError" ? `${name}: ` : "";
  const tool = error.tool ? ` in ${error.tool}` : "";
  const code = error.code ? ` (code ${error.code}${error.retryable ? ", may succeed later" : ""})` : "";
  const fix = error.hint ?? (error.retryable ? "try again later" : FIXES[type]);
  return [
    `${type}${tool}${at}: ${thrown}${message}${code}`,
    fix ? `Fix: ${fix}` : "",
    error.signature ? `Signature: ${error.signature}` : "",
  ];
}

function stackText({ stack }: RunFailure): string {
  return stack && stack.includes("\n") ? `Stack:\n${stack}` : "";
}

function valueText(value: unknown): string {
  return value === undefined ? "The program returned nothing." : `Value: ${show(value)}`;
}

function show(value: unknown): string {
  if (typeof value === "string") return value;
  try {
    return encode(value, { maxDepth: MAX_DEPTH, maxBytes: MAX_SHOWN });
  } catch {
    return "a value that is too deep or too large to be shown";
  }
}

function outputText(item: OutputItem): string {
  switch (item.type) {
    case "text":
      return `Output: ${item.text}`;
    case "json":
      return `Output: ${show(item.value)}`;
    case "image":
      return `Output: an image (${item.mimeType}, ${item.data.length} bytes)`;
  }
}

const MAX_CALLS = 20;

/** Calls of the same name and state in a row are told as one. */
function callsText(calls: readonly CallRecord[]): string {
  if (calls.length === 0) return "";
  const runs: { text: string; count: number }[] = [];
  for (const { name, state } of calls) {
    const text = `${name} ${state}`;
    const last = runs.at(-1);
    if (last?.text === text) last.count += 1;
    else runs.push({ text, count: 1 });
  }
  const shown = runs.slice(-MAX_CALLS).map(({ text, count }) => (count === 1 ? text : `${text} × ${count}`));
  return `Calls: ${runs.length > MAX_CALLS ? "…, " : ""}${shown.join(", ")}`;
}

const MAX_LOGS = 30;
const MAX_LOG = 500; // characters of one line

/** The last lines: they are nearest to the failure. */
function logsText(logs: readonly LogLine[]): string {
  if (logs.length === 0) return "";
  const shown = logs.slice(-MAX_LOGS).map(({ level, text }) => `  ${level}: ${cut(text, MAX_LOG)}`);
  const left = logs.length - shown.length;
  return [left > 0 ? `Console (${left} lines before):` : "Console:", ...shown].join("\n");
}
