import { AsyncLocalStorage } from "node:async_hooks";
import { ComponentAlreadyExistsError, ComponentNotFoundError, RegistryError } from "../errors.ts";
import type { AgentDefinition, Component, ToolDefinition } from "./component.ts";
import { ComponentSet } from "./component-set.ts";
import type { RuntimeContext } from "./context.ts";
import { checkName } from "./names.ts";
import { compileSchema, type Schema } from "./schema.ts";

/** How to register. */
export interface RegisterOptions {
  /**
   * Replaces a component of the same name instead of refusing it.
   *
   * @defaultValue false
   */
  readonly overwrite?: boolean;
}

/**
 * The tools and agents of an app, and the context that its code runs in.
 *
 * Each registry has a context of its own per asynchronous flow; two flows never see each other's.
 */
export class ComponentRegistry {
  readonly #tools = new Map<string, Component>();
  readonly #agents = new Map<string, Component>();
  /** Of both, until one changes. */
  #components: ComponentSet | undefined;
  readonly #context = new AsyncLocalStorage<RuntimeContext | undefined>();

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
    const handle = callable("tool", name, tool, "execute");
    return this.#register(this.#tools, { ...describe("tool", name, tool), handle }, options);
  }

  /** Lets programs call `agent` as `agents.<name>.run(input)`. Fails as `registerTool` does. */
  registerAgent<I extends Schema | undefined = undefined, O extends Schema | undefined = undefined>(
    name: string,
    agent: AgentDefinition<I, O>,
    options?: RegisterOptions,
  ): this {
    const handle = callable("agent", name, agent, "run");
    return this.#register(this.#agents, { ...describe("agent", name, agent), handle }, options);
  }

  /** @throws {@link ComponentNotFoundError} when there is none. */
  getTool(name: string): Component {
    return find("tool", this.#tools, name);
  }

  /** @throws {@link ComponentNotFoundError} when there is none. */
  getAgent(name: string): Component {
    return find("agent", this.#agents, name);
  }

  /** All tools, in the order of registration. */
  listTools(): readonly Component[] {
    return [...this.#tools.values()];
  }

  /** All agents, in the order of registration. */
  listAgents(): readonly Component[] {
    return [...this.#agents.values()];
  }

  /** All tools and agents as they are now. The same object for as long as none changes. */
  get components(): ComponentSet {
    return (this.#components ??= new ComponentSet(this.#tools.values(), this.#agents.values()));
  }

  /** Takes a tool away from the runs that start from now on. True when there was one. */
  unregisterTool(name: string): boolean {
    this.#components = undefined;
    return this.#tools.delete(name);
  }

  /** Takes an agent away from the runs that start from now on. True when there was one. */
  unregisterAgent(name: string): boolean {
    this.#components = undefined;
    return this.#agents.delete(name);
  }

  /** Takes all tools and agents away. The context stays. */
  clear(): void {
    this.#components = undefined;
    this.#tools.clear();
    this.#agents.clear();
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

  #register(components: Map<string, Component>, component: Component, options?: RegisterOptions): this {
    const { kind, name } = component;
    if (components.has(name) && options?.overwrite !== true) {
      throw new ComponentAlreadyExistsError(
        `Cannot register ${kind} "${name}": it is registered already; pass { overwrite: true } to replace it`,
      );
    }
    const other = name.endsWith(".run") ? name.slice(0, -".run".length) : `${name}.run`;
    if (components.has(other)) {
      const [called, as] = other.length < name.length ? [other, name] : [name, other];
      throw new ComponentAlreadyExistsError(
        `Cannot register ${kind} "${name}": a program calls "${called}" as ${kind}s.${as}() too`,
      );
    }
    this.#components = undefined;
    components.set(name, Object.freeze(component));
    return this;
  }
}

type Described = Pick<
  ToolDefinition<Schema | undefined, Schema | undefined>,
  "description" | "inputSchema" | "outputSchema" | "idempotent"
>;

function describe(kind: "tool" | "agent", name: string, definition: Described): Omit<Component, "handle"> {
  const { description, inputSchema, outputSchema, idempotent } = definition;
  try {
    const [input, output] = [compileSchema(inputSchema, "input"), compileSchema(outputSchema, "output")];
    const schemas = { inputSchema, outputSchema, input, output };
    return { kind, name, description: description ?? "", idempotent: idempotent === true, ...schemas };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RegistryError(`Cannot register ${kind} "${name}": its schema cannot be used, ${why}`, undefined, {
      cause,
    });
  }
}

function callable(kind: "tool" | "agent", name: string, definition: object, method: string): Component["handle"] {
  checkName(kind, name);
  const handler: unknown = (definition as Record<string, unknown>)?.[method];
  if (typeof handler !== "function") {
    throw new RegistryError(`Cannot register ${kind} "${name}": it has no ${method}() function`);
  }
  return handler.bind(definition) as Component["handle"]; // a definition may be an instance whose method needs `this`
}

function find(kind: "tool" | "agent", components: ReadonlyMap<string, Component>, name: string): Component {
  const component = components.get(name);
  if (component) return component;
  const known =
    components.size === 0 ? "none is registered" : `registered: ${[...components.keys()].slice(0, 20).join(", ")}`;
  throw new ComponentNotFoundError(`There is no ${kind} "${name}"; ${known}`);
}
