import { access, type ComponentKind, propertiesOf } from "@codemode/proto/discovery";
import { primordials, setOwn } from "@codemode/proto/values";
import type { Calls } from "./calls.ts";
import type { Catalog } from "./catalog.ts";
import type { Discovery } from "./discovery.ts";
import { blame, encodeForHost, failureOf } from "./failures.ts";
import type { RunSettings } from "./host.ts";
import { type Call, Group, type Issue, type OnIssued } from "./group.ts";

const { freeze, isArray } = primordials;

/** Components by every name that a program may call them. */
export interface Components {
  readonly tools: Record<string, unknown>;
  readonly agents: Record<string, unknown>;
  readonly callTool: Call;
  /** The function of one tool; undefined when there is none. */
  readonly tool: (name: string) => Call | undefined;
  /** Calls a tool for a function of the harness's, `caller`, and hands over what gives the call up. */
  readonly call: (name: string, input: object, caller: Function, onIssued: OnIssued) => Promise<unknown>;
}

/** Makes the function `callTool(name, input)` and the objects that hold a function per component. */
export function createComponents(
  calls: Calls,
  settings: RunSettings,
  catalog: Catalog,
  { search, describe }: Discovery,
): Components {
  const issue: Issue = (kind, name, given, caller, prototype, onIssued) => {
    const promise = new primordials.Promise((resolve, reject) => {
      const input = toInput(catalog, kind, name, given);
      const options = { mode: settings.mode, maxBytes: settings.limits.argumentBytes, stacks: true };
      const text = encodeForHost(input, options);
      const seq = calls.issue(kind, name, text, { resolve, reject }, { caller, input });
      onIssued?.(() => calls.cancel(seq));
    });
    primordials.setPrototypeOf(promise, prototype);
    return promise;
  };
  // An app's own tool of one of the plain names goes first.
  const beside = freeze({ $search: search, $describe: describe, search, describe });
  const tools = new Group("tool", issue, catalog, beside);
  const agents = new Group("agent", issue, catalog, {});
  const callTool: Call = (name, ...given) => {
    const call = tools.get(primordials.String(name));
    return call ? primordials.apply(call, undefined, given) : tools.unknown(primordials.String(name))();
  };
  const call: Components["call"] = (name, input, caller, onIssued) =>
    issue("tool", name, [input], caller, primordials.PromisePrototype, onIssued);
  return { callTool: freeze(callTool), tools: tools.root, agents: agents.root, tool: (name) => tools.get(name), call };
}

/** The one object that a call is made with. Arguments by position take the names of the schema, in its order. */
function toInput(catalog: Catalog, kind: ComponentKind, name: string, given: readonly unknown[]): unknown {
  const only = given[0];
  const isObject = typeof only === "object" && only !== null && !isArray(only);
  if (given.length === 0 || (given.length === 1 && only === undefined)) return {};
  if (given.length === 1 && isObject) return only;
  const names = propertiesOf(catalog.find(kind, name)?.input);
  if (given.length === 1 && names.length === 0) return only; // the app's schema, if there is one, decides
  if (given.length > names.length) {
    const problem = `${access(kind, name)} takes one object of arguments, and was given ${given.length} arguments`;
    throw blame(new primordials.TypeError(problem), { ...failureOf("ToolInputError", name), kind, input: only });
  }
  const input = {};
  for (let index = 0; index < given.length; index++) setOwn(input, names[index] as string, given[index]);
  return input;
}
