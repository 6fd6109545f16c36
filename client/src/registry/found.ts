import { RegistryError } from "../errors.ts";
import type { CallInfo, Component } from "./component.ts";
import { compileSchema, type Schema } from "./schema.ts";
import { messageOf } from "../thrown.ts";

/** A tool or an agent, of whatever kind, as the registry takes it. */
export interface Found {
  readonly kind: Component["kind"];
  /** The name that it brings along; undefined when only its key names it. */
  readonly name?: string | undefined;
  /** As `origin` of a component. */
  readonly origin: string;
  readonly description: string;
  /** Some libraries make their schemas only when they are asked for. */
  readonly inputSchema?: Schema | Promise<Schema> | undefined;
  readonly outputSchema?: Schema | Promise<Schema> | undefined;
  readonly idempotent?: boolean;
  /** As those of a definition; the AI SDK has each as `{ input }`. */
  readonly inputExamples?: unknown;
  /** Its schemas were written by nobody who could be asked to mend them. */
  readonly isStrangers?: boolean;
  readonly handle: (input: unknown, call: CallInfo) => unknown;
}

/** What was found, with its schemas there. */
export interface Settled extends Found {
  readonly inputSchema?: Schema | undefined;
  readonly outputSchema?: Schema | undefined;
}

/** Waits for the schemas. */
export async function settle(found: Found): Promise<Settled> {
  return { ...found, inputSchema: await found.inputSchema, outputSchema: await found.outputSchema };
}

/** Throws when a schema is still to be made: nobody can wait here. */
export function mustBeSettled(name: string, found: Found): Settled {
  if (found.inputSchema instanceof Promise || found.outputSchema instanceof Promise) {
    throw cannot(found.kind, name, found.origin, "its schema is a promise; registerAll() waits for it");
  }
  return found as Settled;
}

/** Throws {@link RegistryError} when a schema cannot be used. */
export function toComponent(name: string, found: Settled): Component {
  const { kind, origin, description, inputSchema, outputSchema, idempotent = false, isStrangers, handle } = found;
  const inputExamples: readonly unknown[] = Array.isArray(found.inputExamples) ? found.inputExamples : [];
  try {
    const input = compileSchema(inputSchema, "input", isStrangers);
    const output = compileSchema(outputSchema, "output", isStrangers);
    const schemas = { inputSchema, outputSchema, input, output };
    const of = { kind, name, origin, originName: found.name, description };
    return Object.freeze({ ...of, idempotent, inputExamples, ...schemas, handle });
  } catch (cause) {
    const why = messageOf(cause);
    throw cannot(kind, name, origin, `its schema cannot be used, ${why}`, { cause });
  }
}

/** Says what cannot be registered, and why. */
export function cannot(
  kind: Component["kind"] | "tool or agent",
  name: string,
  origin: string,
  why: string,
  options?: ErrorOptions,
): RegistryError {
  return new RegistryError(`Cannot register ${kind} ${JSON.stringify(name)} (${origin}): ${why}`, undefined, options);
}
