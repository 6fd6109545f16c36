import { primordials, setOwn, utf8Length, utf8Slice } from "@codemode/proto/values";
import type { RunSettings, Send } from "./host.ts";
import { inspect } from "./inspect.ts";

const MAX_LINE = 16_384; // characters; longer lines are cut

/** The program's console. What is over the limits is counted, not formatted: a flood must cost little. */
export function createConsole(send: Send, limits: RunSettings["limits"]): object {
  let lines = 0;
  let bytes = 0;
  const write = (level: string, values: readonly unknown[]): void => {
    if (lines >= limits.logLines || bytes >= limits.logBytes) {
      send("dropped", 1, 0);
      return;
    }
    let text = "";
    for (let index = 0; index < values.length && text.length < MAX_LINE; index++) {
      text += (index > 0 ? " " : "") + inspect(values[index], MAX_LINE);
    }
    const kept = utf8Slice(primordials.slice(text, 0, MAX_LINE), limits.logBytes - bytes);
    if (kept.length < text.length) send("dropped", kept === "" ? 1 : 0, text.length - kept.length);
    if (kept === "" && text !== "") return;
    lines++;
    bytes += utf8Length(kept);
    send("log", level, kept);
  };
  const console = primordials.create(primordials.ObjectPrototype) as object;
  const method = (name: string, level: string): void => {
    setOwn(console, name, (...values: unknown[]) => write(level, values));
  };
  method("log", "log");
  method("info", "info");
  method("debug", "debug");
  method("trace", "debug");
  method("warn", "warn");
  method("error", "error");
  method("dir", "log");
  method("table", "log");
  method("group", "log");
  setOwn(console, "groupEnd", () => undefined);
  setOwn(console, "assert", (condition: unknown, ...values: unknown[]) => {
    if (!condition) write("error", values.length === 0 ? ["Assertion failed"] : values);
  });
  return console;
}
