import { inspect } from "node:util";
import { CodemodeError } from "@codemode/proto";
import { messageOf } from "../thrown.ts";

/** Values that a context holds by name. */
export type ContextValues = Readonly<Record<string, unknown>>;

/** What a context holds besides its variables. */
export interface RuntimeContextOptions {
  /** Values for tool handlers alone. They never reach a program, a log line or JSON. */
  readonly secrets?: ContextValues;
}

/**
 * On whose behalf a program runs. Immutable: `with()` makes another one.
 *
 * `variables` are copied in, reach the program as `context`, and tool handlers as `call.context`. `secrets` reach tool
 * handlers only.
 *
 * @throws {@link CodemodeError} when a variable cannot be copied, or a name is both a variable and a secret.
 */
export class RuntimeContext {
  readonly variables: ContextValues;
  // A private field, so that neither JSON.stringify nor util.inspect nor a spread can find it.
  readonly #secrets: ReadonlyMap<string, unknown>;

  constructor(variables: ContextValues = {}, options: RuntimeContextOptions = {}) {
    this.variables = copyOf(variables);
    this.#secrets = new Map(Object.entries(options.secrets ?? {}));
    for (const name of this.#secrets.keys()) {
      if (Object.hasOwn(this.variables, name)) {
        throw new CodemodeError("INVALID_ARGUMENT", `Cannot make a context: "${name}" is a variable and a secret`);
      }
    }
    Object.freeze(this);
  }

  /** The variable or the secret `name`; `undefined` when there is none. */
  get<T = unknown>(name: string): T | undefined {
    const value = Object.hasOwn(this.variables, name) ? this.variables[name] : this.#secrets.get(name);
    return value as T | undefined; // the app knows what it put in
  }

  /** The variable or the secret `name`. Throws when there is none. */
  require<T = unknown>(name: string): T {
    if (!this.has(name)) throw new CodemodeError("NOT_FOUND", `The context of this run holds no "${name}"`);
    return this.get<T>(name) as T;
  }

  has(name: string): boolean {
    return Object.hasOwn(this.variables, name) || this.#secrets.has(name);
  }

  /** A context with these values besides its own; on equal names the new ones win. */
  with(variables: ContextValues, options: RuntimeContextOptions = {}): RuntimeContext {
    const added = options.secrets ?? {};
    const keptVariables = Object.entries(this.variables).filter(([name]) => !Object.hasOwn(added, name));
    const keptSecrets = [...this.#secrets].filter(([name]) => !Object.hasOwn(variables, name));
    return new RuntimeContext(
      { ...Object.fromEntries(keptVariables), ...variables },
      { secrets: { ...Object.fromEntries(keptSecrets), ...added } },
    );
  }

  /** This context with everything that `over` holds on top. */
  merge(over: RuntimeContext): RuntimeContext {
    return this.with(over.variables, { secrets: Object.fromEntries(over.#secrets) });
  }

  /** The variables. Secrets stay out. */
  toJSON(): { readonly variables: ContextValues } {
    return { variables: this.variables };
  }

  [inspect.custom](): string {
    const hidden = this.#secrets.size === 0 ? "" : `, ${this.#secrets.size} hidden`;
    return `RuntimeContext ${inspect(this.variables)}${hidden}`;
  }
}

function copyOf(variables: ContextValues): ContextValues {
  try {
    return freeze(structuredClone(variables));
  } catch (cause) {
    const why = messageOf(cause);
    throw new CodemodeError("INVALID_ARGUMENT", `Cannot make a context: a variable cannot be copied, ${why}`, {
      cause,
    });
  }
}

function freeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value) || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const child of Object.values(value)) freeze(child);
  return value;
}
