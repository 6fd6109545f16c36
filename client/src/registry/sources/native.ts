import { cannot, type Found } from "../found.ts";
import type { Schema } from "../schema.ts";
import { aiSdkOptions } from "./ai-sdk.ts";
import { isStandardSchema } from "../interfaces.ts";
import { type Foreign, hasMethods, method, nameOf } from "./reading.ts";

/** Our own definition of a tool or an agent; undefined when `definition` has no method of that name. */
export function fromNative(definition: object, kind: Found["kind"], origin: string): Found | undefined {
  const name = kind === "tool" ? "execute" : "run";
  if (!hasMethods(definition, name)) return undefined;
  const { description, inputSchema, outputSchema, idempotent, inputExamples } = definition as Foreign;
  return {
    kind,
    name: nameOf((definition as Foreign)["name"]),
    origin,
    description: typeof description === "string" ? description : "",
    inputSchema: inputSchema as Schema | undefined,
    outputSchema: outputSchema as Schema | undefined,
    idempotent: idempotent === true,
    inputExamples,
    handle: method(definition as Foreign, name), // bound: a definition may be an instance whose method needs `this`
  };
}

/** As `fromNative` of a tool, and of one that may also be the AI SDK's: it is told of its call in the words of both. */
export function fromAmbiguous(definition: object, origin: string): Found | undefined {
  const found = fromNative(definition, "tool", origin);
  return found && { ...found, handle: (input, call) => found.handle(input, { ...aiSdkOptions(call), ...call }) };
}

/** A function is a tool that takes anything. */
export function fromFunction(value: object, origin: string): Found | undefined {
  if (typeof value !== "function" || isStandardSchema(value)) return undefined;
  if (/^class\b/.test(Function.prototype.toString.call(value))) {
    throw cannot("tool", value.name, origin, "it is a class; register an instance");
  }
  const handle = value as Found["handle"];
  return { kind: "tool", name: nameOf(value.name), origin, description: "", handle };
}
