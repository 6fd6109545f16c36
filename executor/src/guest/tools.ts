import { primordials, setOwn } from "@codemode/proto/values";
import type { Calls } from "./calls.ts";
import { blame, encodeForHost, failureOf } from "./failures.ts";
import type { RunSettings } from "./host.ts";

const { create, freeze, hasOwn, ownKeys, indexOf, slice } = primordials;

type Call = (...given: unknown[]) => Promise<unknown>;

/** Makes the function `callTool(name, input)` and the objects that hold a function per component. */
export function createComponents(
  calls: Calls,
  settings: RunSettings,
): { callTool: Call; tools: object; agents: object } {
  const issue: Issue = (kind, name, given, caller) =>
    new primordials.Promise((resolve, reject) => {
      if (given.length > 1) {
        const problem = `${name} takes one object of arguments, and was given ${given.length} arguments`;
        throw blame(new primordials.TypeError(problem), failureOf("ToolInputError", name));
      }
      const input = given.length === 0 || given[0] === undefined ? {} : given[0];
      const options = { mode: settings.mode, maxBytes: settings.limits.argumentBytes, stacks: true };
      const text = encodeForHost(input, options);
      calls.issue(kind, name, text, { resolve, reject }, caller);
    });
  const tools = group("tool", settings.tools, issue);
  const known = create(null) as Record<string, true>;
  for (let index = 0; index < settings.tools.length; index++) known[settings.tools[index] as string] = true;
  const callTool: Call = (name, ...given) => {
    if (typeof name === "string" && hasOwn(known, name)) return issue("tool", name, given, callTool);
    return unknown("tool", primordials.String(name), settings.tools)();
  };
  return { callTool: freeze(callTool), tools, agents: group("agent", settings.agents, issue) };
}

/** `caller` is the function that the program called: stacks begin above it. */
type Issue = (kind: "tool" | "agent", name: string, given: readonly unknown[], caller: Call) => Promise<unknown>;

/** An object with a function for each name. A dot in a name makes an object below, or a property of a tool "before the dot". */
function group(kind: "tool" | "agent", names: readonly string[], issue: Issue): object {
  const root = create(null) as Record<string, unknown>;
  const byName = create(null) as Record<string, Call>;
  const made: object[] = [];
  const sorted = names.toSorted(); // "a" before "a.b"
  for (let index = 0; index < sorted.length; index++) {
    const name = sorted[index] as string;
    let at = root;
    let rest = name;
    for (let dot = indexOf(rest, "."); dot > 0 && dot < rest.length - 1; dot = indexOf(rest, ".")) {
      const key = slice(rest, 0, dot);
      if (!hasOwn(at, key)) {
        setOwn(at, key, create(null));
        setOwn(made, made.length, at[key]);
      }
      at = at[key] as Record<string, unknown>;
      rest = slice(rest, dot + 1);
    }
    const call: Call = (...given) => issue(kind, name, given, call);
    const run: Call = (...given) => issue(kind, name, given, run);
    setOwn(call, "run", freeze(run));
    setOwn(at, rest, call);
    setOwn(byName, name, call);
    setOwn(made, made.length, call);
  }
  for (let index = 0; index < made.length; index++) freeze(made[index]);
  return guard(kind, freeze(root), byName, names);
}

/** Answers for names that are not there with a function that says so when called, and never poses as a promise. */
function guard(kind: "tool" | "agent", target: object, byName: Record<string, Call>, names: readonly string[]): object {
  return new primordials.Proxy(target, {
    __proto__: null,
    get: (known: Record<PropertyKey, unknown>, key: PropertyKey) => {
      if (typeof key === "symbol" || hasOwn(known, key)) return known[key];
      if (hasOwn(byName, key)) return byName[key as string];
      if (key === "then" || key === "toJSON" || key === "constructor") return undefined;
      const call = unknown(kind, key as string, names);
      setOwn(call, "run", freeze(unknown(kind, key as string, names)));
      return freeze(call);
    },
    ownKeys: (known: object) => ownKeys(known),
  } as ProxyHandler<Record<PropertyKey, unknown>>);
}

function unknown(kind: "tool" | "agent", name: string, names: readonly string[]): Call {
  return () =>
    new primordials.Promise((_resolve, reject) => {
      let list = "";
      for (let index = 0; index < names.length && index < 20; index++) list += (index > 0 ? ", " : "") + names[index];
      const have = list === "" ? `there are no ${kind}s` : `there is ${list}${names.length > 20 ? ", …" : ""}`;
      const error = new primordials.TypeError(`There is no ${kind} "${name}"; ${have}`);
      reject(blame(error, failureOf("UnknownTool", name)));
    });
}
