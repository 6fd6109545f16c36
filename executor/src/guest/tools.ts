import { hide, primordials, setOwn } from "@codemode/proto/values";
import type { Calls } from "./calls.ts";
import { type Catalog, type ComponentKind, propertiesOf } from "./catalog.ts";
import type { Discovery } from "./discovery.ts";
import { blame, encodeForHost, failureOf } from "./failures.ts";
import type { RunSettings } from "./host.ts";
import { nameSet } from "./name-set.ts";
import { canonical } from "./nearest.ts";
import { createPendingPrototype } from "./pending.ts";
import { access, signatureOf } from "./signature.ts";

const { create, freeze, hasOwn, ownKeys, indexOf, slice, isArray } = primordials;

/** A function of the program's: what it returns is a promise. */
export type Call = (...given: unknown[]) => Promise<unknown>;

/** Components by every name that a program may call them. */
export interface Components {
  readonly tools: Record<string, unknown>;
  readonly agents: Record<string, unknown>;
  readonly callTool: Call;
  /** The function of one tool; undefined when there is none. */
  readonly tool: (name: string) => Call | undefined;
}

/** Makes the function `callTool(name, input)` and the objects that hold a function per component. */
export function createComponents(
  calls: Calls,
  settings: RunSettings,
  catalog: Catalog,
  { search, describe }: Discovery,
): Components {
  const issue: Issue = (kind, name, given, caller, prototype) => {
    const promise = new primordials.Promise((resolve, reject) => {
      const input = toInput(catalog, kind, name, given);
      const options = { mode: settings.mode, maxBytes: settings.limits.argumentBytes, stacks: true };
      const text = encodeForHost(input, options);
      calls.issue(kind, name, text, { resolve, reject }, { caller, input });
    });
    primordials.setPrototypeOf(promise, prototype);
    return promise;
  };
  // An app's own tool of one of the plain names goes first.
  const beside = freeze({ $search: search, $describe: describe, search, describe });
  const tools = new Group("tool", settings.tools, issue, catalog, beside);
  const agents = new Group("agent", settings.agents, issue, catalog, {});
  const callTool: Call = (name, ...given) => {
    const call = tools.get(primordials.String(name));
    return call ? primordials.apply(call, undefined, given) : tools.unknown(primordials.String(name))();
  };
  return { callTool: freeze(callTool), tools: tools.root, agents: agents.root, tool: (name) => tools.get(name) };
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

/** `caller` is the function that the program called: stacks begin above it. */
type Issue = (
  kind: ComponentKind,
  name: string,
  given: readonly unknown[],
  caller: Call,
  prototype: object,
) => Promise<unknown>;

/**
 * The tools, or the agents, as an object with a function for each. A dot in a name makes an object below. A name that
 * is not there gives a function that says so when called, with the nearest names; it never poses as a promise.
 */
class Group {
  readonly root: Record<string, unknown>;
  readonly #kind: ComponentKind;
  readonly #catalog: Catalog;
  readonly #names: readonly string[];
  readonly #byName = create(null) as Record<string, Call>;
  /** What is there beside the components. */
  readonly #beside: object;
  /** Names as models misspell them, in one form; true where two are alike. */
  #byForm: Record<string, string | true> | undefined;

  constructor(kind: ComponentKind, names: readonly string[], issue: Issue, catalog: Catalog, beside: object) {
    this.#beside = beside;
    this.#kind = kind;
    this.#catalog = catalog;
    this.#names = names;
    const root = create(null) as Record<string, unknown>;
    const nodes: [holder: Record<string, unknown>, key: string, path: string][] = [];
    const sorted = names.toSorted(); // "a" before "a.b"
    for (let index = 0; index < sorted.length; index++) {
      const name = sorted[index] as string;
      let at = root;
      let start = 0;
      for (let dot = indexOf(name, "."); dot > 0 && dot < name.length - 1; dot = indexOf(name, ".", start)) {
        const key = slice(name, start, dot);
        if (!hasOwn(at, key)) {
          setOwn(at, key, create(null));
          setOwn(nodes, nodes.length, [at, key, slice(name, 0, dot)]);
        }
        at = at[key] as Record<string, unknown>;
        start = dot + 1;
      }
      const call = this.#component(name, issue);
      setOwn(at, slice(name, start), call);
      setOwn(this.#byName, name, call);
      setOwn(nodes, nodes.length, [at, slice(name, start), name]);
    }
    // Innermost first, so that each is guarded and frozen with what is in it.
    for (let index = nodes.length - 1; index >= 0; index--) {
      const node = nodes[index] as (typeof nodes)[number];
      setOwn(node[0], node[1], this.#guard(node[0][node[1]] as object, node[2]));
    }
    this.root = this.#guard(root, "") as Record<string, unknown>;
  }

  /** The function of `name`, also in the form in which only dashes, dots, underscores and case differ. */
  get(name: string): Call | undefined {
    if (hasOwn(this.#byName, name)) return this.#byName[name];
    const meant = this.#forms()[canonical(name)];
    return typeof meant === "string" ? this.#byName[meant] : undefined;
  }

  /** Stands for a component that is not there. */
  unknown(path: string): Call {
    const fail: Call = () => new primordials.Promise((_resolve, reject) => reject(this.#unknownError(path)));
    return new primordials.Proxy(freeze(fail), {
      __proto__: null,
      get: (_target: object, key: PropertyKey) =>
        typeof key === "symbol" || hasOwn(never, key)
          ? undefined
          : key === "run" || key === "call"
            ? fail
            : this.unknown(`${path}.${key as string}`),
    } as ProxyHandler<Call>);
  }

  #component(name: string, issue: Issue): Call {
    let made: object | undefined;
    const prototype = (): object => (made ??= createPendingPrototype(access(this.#kind, name)));
    const call: Call = (...given) => issue(this.#kind, name, given, call, prototype());
    const run: Call = (...given) => issue(this.#kind, name, given, run, prototype());
    hide(call, "name", name);
    hide(run, "name", "run");
    setOwn(call, "run", freeze(run));
    return call;
  }

  #guard(target: object, path: string): object {
    freeze(target);
    return new primordials.Proxy(target, {
      __proto__: null,
      get: (known: Record<PropertyKey, unknown>, key: PropertyKey) => {
        if (typeof key === "symbol" || hasOwn(known, key)) return known[key];
        if (hasOwn(never, key)) return undefined;
        if (typeof known === "function" && hasOwn(ofFunction, key)) return known[key];
        const name = path === "" ? (key as string) : `${path}.${key as string}`;
        const call = this.get(name);
        if (call === undefined && path === "" && hasOwn(this.#beside, key)) {
          return (this.#beside as Record<PropertyKey, unknown>)[key];
        }
        return call ?? this.unknown(name);
      },
      ownKeys: (known: object) => ownKeys(known),
    } as ProxyHandler<Record<PropertyKey, unknown>>);
  }

  #forms(): Record<string, string | true> {
    if (this.#byForm) return this.#byForm;
    const forms = create(null) as Record<string, string | true>;
    for (let index = 0; index < this.#names.length; index++) {
      const name = this.#names[index] as string;
      const form = canonical(name);
      forms[form] = forms[form] === undefined ? name : true;
    }
    this.#byForm = forms;
    return forms;
  }

  #unknownError(path: string): Error {
    const kind = this.#kind;
    const like = this.#catalog.nearest(kind, path);
    let text = `There is no ${kind} "${path}"`;
    if (this.#forms()[canonical(path)] === true) text += ", and more than one name is like it";
    for (let index = 0; index < like.length; index++) {
      const entry = this.#catalog.find(kind, like[index] as string);
      if (entry) text += `${index === 0 ? "; did you mean " : " or "}${signatureOf(entry)}`;
    }
    if (like.length > 0) text += "?";
    else if (this.#names.length === 0) text += `; there are no ${kind}s`;
    else text += `; there is ${this.#list()}`;
    return blame(new primordials.TypeError(text), { ...failureOf("UnknownTool", path), kind });
  }

  #list(): string {
    let list = "";
    for (let index = 0; index < this.#names.length && index < 20; index++) {
      list += `${index > 0 ? ", " : ""}${this.#names[index]}`;
    }
    return this.#names.length > 20 ? `${list}, …` : list;
  }
}

/** Asked of every value by the language and by consoles. */
const never = nameSet("then", "toJSON", "constructor", "prototype", "nodeType", "asymmetricMatch");
const ofFunction = nameSet("name", "length", "call", "apply", "bind", "toString");
