import { access, type ComponentKind, signatureOf } from "@codemode/proto/discovery";
import { hide, primordials, setOwn } from "@codemode/proto/values";
import type { Catalog } from "./catalog.ts";
import { blame, failureOf } from "./failures.ts";
import { nameSet } from "./name-set.ts";
import { canonical } from "./nearest.ts";
import { createPendingPrototype } from "./pending.ts";

const { create, freeze, hasOwn, indexOf, slice, startsWith } = primordials;

/** A function of the program's: what it returns is a promise. */
export type Call = (...given: unknown[]) => Promise<unknown>;

/** Told when a call is issued, with what gives it up. */
export type OnIssued = (cancel: () => void) => void;

/** `caller` is the function that the program called: stacks begin above it. */
export type Issue = (
  kind: ComponentKind,
  name: string,
  given: readonly unknown[],
  caller: Function,
  prototype: object,
  onIssued?: OnIssued,
) => Promise<unknown>;

type Members = Record<PropertyKey, unknown>;

/** An object of the tree: the root, a namespace, the function of a component, or both of these. */
interface Node {
  readonly path: string;
  readonly target: Members;
  readonly proxy: Members;
  /** Members that were asked for. */
  readonly made: Record<string, Node>;
  /** Whether `target` has all members, and is frozen. */
  isFull: boolean;
}

/**
 * The tools, or the agents, as an object with a function for each. A dot in a name makes an object below. A name that
 * is not there gives a function that says so when called, with the nearest names; it never poses as a promise.
 *
 * Of thousands of components a program names a few: each is made when it is asked for, and all of them only when somebody
 * looks what there is.
 */
export class Group {
  readonly root: Record<string, unknown>;
  readonly #kind: ComponentKind;
  readonly #catalog: Catalog;
  readonly #issue: Issue;
  readonly #byName = create(null) as Record<string, Call>;
  /** What is there beside the components. */
  readonly #beside: object;
  #sorted: readonly string[] | undefined;
  /** Names as models misspell them, in one form; true where two are alike. */
  #byForm: Record<string, string | true> | undefined;

  constructor(kind: ComponentKind, issue: Issue, catalog: Catalog, beside: object) {
    this.#beside = beside;
    this.#kind = kind;
    this.#catalog = catalog;
    this.#issue = issue;
    this.root = this.#node("", create(null) as Members).proxy;
  }

  /** The function of `name`, also in the form in which only dashes, dots, underscores and case differ. */
  get(name: string): Call | undefined {
    const exact = this.#exact(name);
    if (exact) return exact;
    const meant = this.#forms()[canonical(name)];
    return typeof meant === "string" ? this.#exact(meant) : undefined;
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

  /** The function of `name`, as the tree has it. */
  #exact(name: string): Call | undefined {
    if (hasOwn(this.#byName, name)) return this.#byName[name];
    if (name === "" || !this.#catalog.has(this.#kind, name).isComponent) return undefined;
    // Through the tree, so that there is one function of each name.
    let at: unknown = this.root;
    let start = 0;
    for (let dot = indexOf(name, "."); dot !== -1; dot = indexOf(name, ".", start)) {
      at = (at as Members)[slice(name, start, dot)];
      start = dot + 1;
    }
    return (at as Members)[slice(name, start)] as Call;
  }

  #node(path: string, target: Members): Node {
    const node = { path, target, made: create(null), isFull: false } as { -readonly [Key in keyof Node]: Node[Key] };
    const full = (): Members => this.#fill(node);
    node.proxy = new primordials.Proxy(target, {
      __proto__: null,
      get: (_target: object, key: PropertyKey) => this.#read(node, key),
      has: (_target: object, key: PropertyKey) => primordials.reflectHas(full(), key),
      ownKeys: () => primordials.ownKeys(full()),
      getOwnPropertyDescriptor: (_target: object, key: PropertyKey) =>
        primordials.getOwnPropertyDescriptor(full(), key),
      // Of no effect: what is full is frozen.
      set: () => {
        throw new primordials.TypeError(`${this.#kind}s cannot be changed: put it into a variable of your own`);
      },
      defineProperty: (_target: object, key: PropertyKey, to: PropertyDescriptor) =>
        primordials.defineProperty(full(), key, to),
      deleteProperty: (_target: object, key: PropertyKey) => primordials.deleteProperty(full(), key),
      setPrototypeOf: (_target: object, to: object | null) => primordials.setPrototypeOf(full(), to),
      preventExtensions: () => full() === target,
      isExtensible: () => full() !== target,
    } as ProxyHandler<Members>);
    return node;
  }

  #read({ path, target, made, isFull }: Node, key: PropertyKey): unknown {
    if (typeof key === "symbol" || (isFull && hasOwn(target, key))) return target[key];
    const node = this.#member({ path, made }, key as string);
    if (node) return node.proxy;
    if (hasOwn(target, key)) return target[key]; // of a function: its name, and `run`
    if (hasOwn(never, key)) return undefined;
    if (typeof target === "function" && hasOwn(ofFunction, key)) return target[key];
    if (path === "" && startsWith(key, "$") && hasOwn(this.#beside, key)) {
      return (this.#beside as Members)[key];
    }
    const name = path === "" ? (key as string) : `${path}.${key as string}`;
    const call = this.get(name);
    if (call === undefined && path === "" && hasOwn(this.#beside, key)) return (this.#beside as Members)[key];
    return call ?? this.unknown(name);
  }

  /** The member `key`, made when it is first asked for. Undefined when no name has it. */
  #member({ path, made }: Pick<Node, "path" | "made">, key: string): Node | undefined {
    if (hasOwn(made, key)) return made[key];
    if (key === "" || indexOf(key, ".") !== -1) return undefined;
    const name = path === "" ? key : `${path}.${key}`;
    const { isComponent, isGroup } = this.#catalog.has(this.#kind, name);
    if (!isComponent && !isGroup) return undefined;
    const target = isComponent ? this.#component(name) : create(null);
    const node = this.#node(name, target as Members);
    setOwn(made, key, node);
    if (isComponent) setOwn(this.#byName, name, node.proxy);
    if (!isGroup) {
      freeze(target);
      node.isFull = true;
    }
    return node;
  }

  /** All members on the target, in the order of their names. */
  #fill(node: Node): Members {
    const { path, target, made } = node;
    if (node.isFull) return target;
    node.isFull = true;
    const names = (this.#sorted ??= primordials.toSorted(this.#catalog.names(this.#kind)) as string[]);
    const before = path === "" ? "" : `${path}.`;
    const seen = create(null) as object;
    for (let index = firstFrom(names, before); index < names.length; index++) {
      const name = names[index] as string;
      if (!startsWith(name, before)) break;
      const dot = indexOf(name, ".", before.length);
      const key = slice(name, before.length, dot === -1 ? name.length : dot);
      if (key === "" || hasOwn(seen, key)) continue;
      setOwn(seen, key, true);
      const member = this.#member({ path, made }, key);
      if (member) setOwn(target, key, member.proxy);
    }
    return freeze(target);
  }

  #component(name: string): Call {
    let prototype: object | undefined;
    const issue = (given: readonly unknown[], caller: Call): Promise<unknown> =>
      this.#issue(this.#kind, name, given, caller, (prototype ??= createPendingPrototype(access(this.#kind, name))));
    const call: Call = (...given) => issue(given, call);
    const run: Call = (...given) => issue(given, run);
    hide(call, "name", name);
    hide(run, "name", "run");
    setOwn(call, "run", freeze(run));
    return call;
  }

  #forms(): Record<string, string | true> {
    if (this.#byForm) return this.#byForm;
    const forms = create(null) as Record<string, string | true>;
    const names = this.#catalog.names(this.#kind);
    for (let index = 0; index < names.length; index++) {
      const name = names[index] as string;
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
    else if (this.#catalog.names(kind).length === 0) text += `; there are no ${kind}s`;
    else text += `; there is ${this.#list()}`;
    return blame(new primordials.TypeError(text), { ...failureOf("UnknownTool", path), kind });
  }

  #list(): string {
    const names = this.#catalog.names(this.#kind);
    let list = "";
    for (let index = 0; index < names.length && index < 20; index++) {
      list += `${index > 0 ? ", " : ""}${names[index]}`;
    }
    return names.length > 20 ? `${list}, …` : list;
  }
}

/** The index of the first of `sorted` that is not before `text`. */
function firstFrom(sorted: readonly string[], text: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = primordials.MathFloor((low + high) / 2);
    if ((sorted[middle] as string) < text) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Asked of every value by the language and by consoles. */
const never = nameSet("then", "toJSON", "constructor", "prototype", "nodeType", "asymmetricMatch");
const ofFunction = nameSet("name", "length", "call", "apply", "bind", "toString");
