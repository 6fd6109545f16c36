import { styleText } from "node:util";
import { encode } from "@codemode/proto/values";
import type { CallRecord, LogLine, Outcome, OutputItem } from "../run/outcome.ts";
import { note, printable } from "./print.ts";

type Style = Parameters<typeof styleText>[0];

/** Styles for stderr: plain text where it is no terminal, or where NO_COLOR says so. */
function style(format: Style, text: string): string {
  return styleText(format, text, { stream: process.stderr });
}

// The live view: one line for each event, on stderr.

export function showLog({ level, text }: LogLine): void {
  const format: Style = level === "error" ? "red" : level === "warn" ? "yellow" : "gray";
  for (const line of printable(text).split("\n")) note(`${style(format, level.padEnd(5))} ${line}`);
}

export function showCall({ seq, name, state, durationMs }: CallRecord): void {
  const [mark, format] = markOf(state);
  const took = durationMs === undefined ? "" : ` ${Math.round(durationMs)} ms`;
  note(`${style(format, mark)} #${seq} ${printable(name)} ${style("gray", `${state}${took}`)}`);
}

/** An item of output, as text. */
export function outputText(item: OutputItem): string {
  switch (item.type) {
    case "text":
      return printable(item.text);
    case "json":
      return encode(item.value);
    case "image":
      return `[${printable(item.mimeType)}, ${item.data.length} bytes]`;
  }
}

/** The last lines: how the run ended, and where a failure is. */
export function showOutcome(outcome: Outcome): void {
  const { status, error, warnings, usage, attempts, interruptions } = outcome;
  for (const { attempt, code, message } of interruptions) {
    note(`${style("yellow", `attempt ${attempt}`)} ${code}: ${printable(message.replaceAll("\n", " "))}`);
  }
  for (const warning of warnings) note(`${style("yellow", "warning")} ${printable(warning)}`);
  if (error) {
    const place = error.line ? ` (line ${error.line}${error.column ? `:${error.column}` : ""})` : "";
    note(`${style("red", `✗ ${error.type}`)}: ${printable(error.message)}${place}`);
    if (error.frame) note(printable(error.frame));
    if (error.signature) note(printable(error.signature));
    if (error.hint) note(`${style("cyan", "hint")}: ${printable(error.hint)}`);
  }
  const again = attempts > 1 ? `, ${attempts} attempts` : "";
  note(style("gray", `${status} in ${Math.round(usage.wallMs)} ms, ${plural(usage.calls, "call")}${again}`));
}

function markOf(state: CallRecord["state"]): [mark: string, format: Style] {
  switch (state) {
    case "not started":
    case "pending":
      return ["▸", "cyan"];
    case "succeeded":
      return ["✓", "green"];
    case "failed":
    case "unknown":
      return ["✗", "red"];
  }
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
