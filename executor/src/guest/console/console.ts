// Console
// ==========================================================================
// Prints what Node's console prints, as lines of the run's log.
//
// N1  A call never throws and never costs more than a bounded look at its values, whatever they are.
// N2  What is not printed is counted; once the budgets are spent, nothing is formatted any more.
// N3  Nothing of the harness gets into the hands of a program: not by a method for `inspect`, which is passed over.
//
// A level says what a line is for. Node's streams say less: `trace` is for debugging here, and `assert` an error.
import { primordials, setOwn } from "@codemode/proto/values";
import type { RunSettings, Send } from "../host.ts";
import { duration } from "./duration.ts";
import { format, show } from "./inspect.ts";
import { optionsOf } from "./options.ts";
import { type Level, Output } from "./output.ts";
import { table } from "./table.ts";

const { captureStackTrace, mapDelete, mapGet, mapSet } = primordials;

type Values = readonly unknown[];

/** The program's console. Each of its methods works by itself. */
export function createConsole(send: Send, settings: RunSettings): object {
  const output = new Output(send, settings);
  const console = primordials.create(primordials.ObjectPrototype) as object;
  const method = (name: string, call: (...values: unknown[]) => void): void => setOwn(console, name, call);

  const levels: readonly (readonly [name: string, level: Level])[] = [
    ["log", "log"],
    ["info", "info"],
    ["debug", "debug"],
    ["warn", "warn"],
    ["error", "error"],
    ["dirxml", "log"],
  ];
  for (const [name, level] of levels) method(name, (...values) => output.log(level, values));

  const trace = (...values: Values): void => {
    output.write("debug", () => {
      const { text, cut } = format(values);
      // The stack begins with this name and message, as an error's does.
      const site = { name: "Trace", message: text, stack: "" };
      const stack = textOf(() => {
        captureStackTrace(site, trace);
        return site.stack;
      });
      return { text: stack ?? `Trace: ${text}`, cut };
    });
  };
  method("trace", trace);

  method("dir", (value, options) => {
    output.write("log", () => ({ text: show(value, optionsOf(options)), cut: 0 }));
  });
  method("table", (data, properties) => {
    output.write("log", () => table(data, properties) ?? format([data]));
  });

  const group = (...label: Values): void => {
    if (label.length > 0) output.log("log", label);
    output.group();
  };
  method("group", group);
  method("groupCollapsed", group);
  method("groupEnd", () => output.groupEnd());

  method("assert", (condition, ...values) => {
    if (condition) return;
    const first = values[0];
    if (typeof first !== "string") return output.log("error", after(["Assertion failed"], values));
    setOwn(values, 0, `Assertion failed: ${first}`);
    output.log("error", values);
  });
  addCounters(method, output);
  // Taken before the program can replace it.
  addTimers(method, output, primordials.Date.now);
  return console;
}

type Method = (name: string, call: (...values: unknown[]) => void) => void;

function addCounters(method: Method, output: Output): void {
  const counts = new primordials.Map();
  method("count", (given) => {
    const label = labelOf(given);
    const count = ((mapGet(counts, label) as number | undefined) ?? 0) + 1;
    mapSet(counts, label, count);
    output.log("log", [`${label}: ${count}`]);
  });
  method("countReset", (given) => {
    const label = labelOf(given);
    if (!mapDelete(counts, label)) output.log("warn", [`Warning: Count for '${label}' does not exist`]);
  });
}

function addTimers(method: Method, output: Output, now: () => number): void {
  const starts = new primordials.Map();
  const elapsed = (label: string, name: string, values: Values): void => {
    const start = mapGet(starts, label) as number | undefined;
    if (start === undefined) output.log("warn", [`Warning: No such label '${label}' for console.${name}()`]);
    else output.log("log", after(["%s: %s", label, duration(now() - start)], values));
  };
  method("time", (given) => {
    const label = labelOf(given);
    if (mapGet(starts, label) === undefined) mapSet(starts, label, now());
    else output.log("warn", [`Warning: Label '${label}' already exists for console.time()`]);
  });
  method("timeLog", (given, ...values) => elapsed(labelOf(given), "timeLog", values));
  method("timeEnd", (given) => {
    const label = labelOf(given);
    elapsed(label, "timeEnd", []);
    mapDelete(starts, label);
  });
}

/** Both in one list: a spread would ask the program's iterators. */
function after(list: unknown[], values: Values): Values {
  for (let index = 0; index < values.length; index++) setOwn(list, list.length, values[index]);
  return list;
}

function labelOf(given: unknown): string {
  if (given === undefined) return "default";
  return typeof given === "string" ? given : (textOf(() => primordials.String(given)) ?? "[cannot be shown]");
}

/** The text that `read` gives; none when the program had a hand in it and that fails. */
function textOf(read: () => unknown): string | undefined {
  try {
    const text = read();
    return typeof text === "string" && text !== "" ? text : undefined;
  } catch {
    return undefined;
  }
}
