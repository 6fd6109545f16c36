import { AsyncLocalStorage } from "node:async_hooks";
import { fetchTool, type FetchOptions } from "../fetch/index.ts";
import type { AgentDefinition, Component, ToolDefinition } from "./component.ts";
import { ComponentSet } from "./component-set.ts";
import type { RuntimeContext } from "./context.ts";
import { cannot, type Found, mustBeSettled, toComponent } from "./found.ts";
import { checkName } from "./names.ts";
import { LiveRegistration, type Registration, type RegistrationChange } from "./registration.ts";
import type { Schema } from "./schema.ts";
import { Shelf } from "./shelf.ts";
import { fromNative } from "./sources/native.ts";
import { openSource } from "./sources/open.ts";
import { recognise } from "./sources/recognise.ts";

/** How to register. */
export interface RegisterOptions {
  /**
   * Replaces a component of the same name instead of refusing it.
   *
   * @defaultValue false
   */
  readonly overwrite?: boolean;
}

/** How to register all that a source has. */
export interface RegisterAllOptions extends RegisterOptions {
  /** Begins each name, with a dot in between: `github` makes `tools.github.search`. */
  readonly namespace?: string;
  /**
   * Told when a live source has changed its tools, after the registry has followed, or could not.
   *
   * @defaultValue a change that could not be followed is a process warning
   */
  readonly onChange?: (change: RegistrationChange) => void;
}

// An app chooses few sets, again and again. What is made of a set, its encoded manifest among it, lives as long as the set.
const MAX_CHOSEN = 32;
const MAX_CHOSEN_COMPONENTS = 20_000; // in all of them

/**
 * The tools and agents of an app, and the context that its code runs in.
 *
 * Each registry has a context of its own per asynchronous flow; two flows never see each other's.
 */
export class ComponentRegistry {
  readonly #tools = new Shelf("tool");
  readonly #agents = new Shelf("agent");
  /** Of both, until one changes. */
  #components: ComponentSet | undefined;
  /** Parts of it, by the names that were asked for; last the one that was asked for last. */
  readonly #chosen = new Map<string, ComponentSet>();
  readonly #context = new AsyncLocalStorage<RuntimeContext | undefined>();
  readonly #listeners = new Set<() => void>();

  /**
   * Lets programs call `tool` as `tools.<name>(input)`. A dot in `name` makes a namespace.
   *
   * @throws {@link ComponentAlreadyExistsError} when the name is taken and `overwrite` is not set.
   * @throws {@link RegistryError} when the name or a schema cannot be used.
   */
  registerTool<I extends Schema | undefined = undefined, O extends Schema | undefined = undefined>(
    name: string,
    tool: ToolDefinition<I, O>,
    options?: RegisterOptions,
  ): this {
    checkName("tool", name);
    const found = fromNative(tool ?? {}, "tool", "registerTool()");
    if (!found) throw cannot("tool", name, "registerTool()", "it has no execute() function");
    return this.#add(name, found, options);
  }

  /** Lets programs call `agent` as `agents.<name>.run(input)`. Fails as `registerTool` does. */
  registerAgent<I extends Schema | undefined = undefined, O extends Schema | undefined = undefined>(
    name: string,
    agent: AgentDefinition<I, O>,
    options?: RegisterOptions,
  ): this {
    checkName("agent", name);
    const found = fromNative(agent ?? {}, "agent", "registerAgent()");
    if (!found) throw cannot("agent", name, "registerAgent()", "it has no run() function");
    return this.#add(name, found, options);
  }

  /**
   * Registers one tool or agent of any known kind under `name`: a definition of ours, a function, a tool of the AI SDK, LangChain,
   * Mastra, OpenAI Agents, TanStack AI or Anthropic's SDK, an agent of one of these, or anything with `generate`, `invoke` or `run`.
   *
   * @throws {@link ComponentAlreadyExistsError} when the name is taken and `overwrite` is not set.
   * @throws {@link RegistryError} when it is nothing that a program could call, or its name or a schema cannot be used.
   */
  register<I extends Schema | undefined = undefined, O extends Schema | undefined = undefined>(
    name: string,
    tool: ToolDefinition<I, O>,
    options?: RegisterOptions,
  ): this;
  register<I extends Schema | undefined = undefined, O extends Schema | undefined = undefined>(
    name: string,
    agent: AgentDefinition<I, O>,
    options?: RegisterOptions,
  ): this;
  register(name: string, component: object, options?: RegisterOptions): this;
  register(name: string, component: object, options?: RegisterOptions): this {
    checkName("tool or agent", name);
    const recognised = recognise(component, name, "register()");
    if (!recognised) throw cannot("tool", name, "register()", "its provider runs it, and not the app");
    return this.#add(name, recognised.found, options);
  }

  /**
   * Registers all tools and agents of a source, or none: an AI SDK ToolSet or any other record of what `register` takes, an
   * array of what brings its name along, or a connected MCP client (1 or 2), whose changes are followed. A promise is waited for.
   *
   * What cannot stand in a name is an underscore in those that were made for elsewhere: `read file` is `read_file`.
   *
   * @throws As `register`. When two would have one name, the error says where both come from.
   */
  async registerAll(source: object | Promise<object>, options: RegisterAllOptions = {}): Promise<Registration> {
    const { namespace, overwrite = false, onChange } = options;
    if (namespace !== undefined) checkName("namespace", namespace);
    const opened = await openSource(await source, namespace);
    let mayOverwrite = overwrite; // what comes later takes nobody's place
    const swap = (gone: readonly Component[], added: readonly Component[]) => this.#swap(gone, added, mayOverwrite);
    try {
      const registration = new LiveRegistration(opened.components, swap, onChange);
      mayOverwrite = false;
      if (opened.live) registration.follow(opened.live);
      return registration;
    } catch (error) {
      opened.live?.stop();
      throw error;
    }
  }

  /**
   * Gives programs a `fetch`: a tool of this name, and a global that answers as they know it. Requests leave from the app,
   * to what `allow` names and nowhere else.
   *
   * @throws As `registerTool`; {@link RegistryError} when a rule cannot be used.
   */
  registerFetch(fetch: FetchOptions, options?: RegisterOptions): this {
    return this.#add("fetch", { ...fetchTool(fetch), kind: "tool", origin: "registerFetch()" }, options);
  }

  /** @throws {@link ComponentNotFoundError} when there is none. */
  getTool(name: string): Component {
    return this.#tools.get(name);
  }

  /** @throws {@link ComponentNotFoundError} when there is none. */
  getAgent(name: string): Component {
    return this.#agents.get(name);
  }

  /** All tools, in the order of registration. */
  listTools(): readonly Component[] {
    return this.#tools.list();
  }

  /** All agents, in the order of registration. */
  listAgents(): readonly Component[] {
    return this.#agents.list();
  }

  /** All tools and agents as they are now. The same object for as long as none changes. */
  get components(): ComponentSet {
    return (this.#components ??= new ComponentSet(this.#tools.list(), this.#agents.list()));
  }

  /**
   * The tools and agents of these names, in this order; all of a kind where no names are given. As a rule the same object for
   * the same names, for as long as none changes.
   *
   * @throws {@link ComponentNotFoundError} when there is none of a name.
   */
  choose(tools: readonly string[] | undefined, agents: readonly string[] | undefined): ComponentSet {
    const all = this.components;
    if (!tools && !agents) return all;
    const key = JSON.stringify([tools, agents]);
    const known = this.#chosen.get(key);
    const set =
      known ??
      new ComponentSet(
        tools?.map((name) => this.getTool(name)) ?? all.tools.values(),
        agents?.map((name) => this.getAgent(name)) ?? all.agents.values(),
      );
    this.#chosen.delete(key);
    this.#chosen.set(key, set);
    let components = 0;
    for (const [index, [oldest, { size }]] of [...this.#chosen].toReversed().entries()) {
      components += size;
      if (index > 0 && (index >= MAX_CHOSEN || components > MAX_CHOSEN_COMPONENTS)) this.#chosen.delete(oldest);
    }
    return set;
  }

  /** Takes a tool away from the runs that start from now on. True when there was one. */
  unregisterTool(name: string): boolean {
    const was = this.#tools.delete(name);
    if (was) this.#changed();
    return was;
  }

  /** Takes an agent away from the runs that start from now on. True when there was one. */
  unregisterAgent(name: string): boolean {
    const was = this.#agents.delete(name);
    if (was) this.#changed();
    return was;
  }

  /** Takes all tools and agents away. The context stays. */
  clear(): void {
    this.#tools.clear();
    this.#agents.clear();
    this.#changed();
  }

  /** Calls `listener` after every change of the tools and agents, until what it returns is disposed of. */
  onChange(listener: () => void): Disposable {
    const own = () => listener(); // the same function may listen twice
    this.#listeners.add(own);
    return { [Symbol.dispose]: () => void this.#listeners.delete(own) };
  }

  /** Sets the context of this asynchronous flow from here on. Where a callback is possible, `runWithContext` ends by itself. */
  setContext(context: RuntimeContext): void {
    this.#context.enterWith(context);
  }

  /** The context of this asynchronous flow. */
  getContext(): RuntimeContext | undefined {
    return this.#context.getStore();
  }

  /** Leaves this asynchronous flow without a context. */
  clearContext(): void {
    this.#context.enterWith(undefined);
  }

  /** Calls `body` in `context`, and with it everything that `body` starts. */
  runWithContext<T>(context: RuntimeContext | undefined, body: () => T): T {
    return this.#context.run(context, body);
  }

  #add(name: string, found: Found, options?: RegisterOptions): this {
    this.#swap([], [toComponent(name, mustBeSettled(name, found))], options?.overwrite === true);
    return this;
  }

  /** All of it or nothing. */
  #swap(gone: readonly Component[], added: readonly Component[], overwrite: boolean): void {
    const of = (components: readonly Component[], kind: Component["kind"]) =>
      components.filter((component) => component.kind === kind);
    const tools = this.#tools.prepare(of(gone, "tool"), of(added, "tool"), overwrite);
    const agents = this.#agents.prepare(of(gone, "agent"), of(added, "agent"), overwrite);
    tools();
    agents();
    this.#changed();
  }

  #changed(): void {
    this.#components = undefined;
    this.#chosen.clear();
    for (const listener of this.#listeners) listener();
  }
}
