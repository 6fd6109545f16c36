import type { StandardSchemaV1 } from "@standard-schema/spec";
import { isStandardSchema } from "../interfaces.ts";
import type { Schema } from "../schema.ts";

/** A function of somebody's object, whose types are not ours. */
export type Method = (...given: unknown[]) => unknown;

/** The properties of something foreign, own or inherited. */
export type Foreign = Readonly<Record<PropertyKey, unknown>>;

/** Whether `value` has all of these methods. */
export function hasMethods(value: unknown, ...names: readonly string[]): boolean {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return false;
  return names.every((name) => typeof (value as Foreign)[name] === "function");
}

/** A method of `owner`, bound to it. */
export function method(owner: Foreign, name: string): Method {
  return (owner[name] as Method).bind(owner);
}

const MAX_DESCRIPTION = 8_192; // characters; what is longer is no description

/** A text for the model. */
export function textOf(value: unknown): string {
  if (typeof value !== "string") return "";
  return value.length > MAX_DESCRIPTION ? `${value.slice(0, MAX_DESCRIPTION)}…` : value;
}

/** A text that names something, if it is one. */
export function nameOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** An object that was written down as one, and is no instance of a class. */
export function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

/** A schema that something foreign brought along: a Standard Schema or a JSON Schema, if it is one. */
export function schemaOf(schema: unknown): Schema | undefined {
  if (isStandardSchema(schema)) return schema;
  return typeof schema === "object" && schema !== null ? (schema as Schema) : undefined;
}

/**
 * `schema` as a check that changes nothing: for what checks its input itself, and would apply defaults and
 * transformations a second time.
 */
export function withoutChange(schema: Schema | undefined): Schema | undefined {
  if (!isStandardSchema(schema)) return schema;
  const standard = schema["~standard"];
  const same = (result: StandardSchemaV1.Result<unknown>, value: unknown) => (result.issues ? result : { value });
  const validate = (value: unknown): StandardSchemaV1.Result<unknown> | Promise<StandardSchemaV1.Result<unknown>> => {
    const result = standard.validate(value);
    return result instanceof Promise ? result.then((settled) => same(settled, value)) : same(result, value);
  };
  return { "~standard": { ...standardOf(standard), validate } };
}

function standardOf(standard: StandardSchemaV1.Props): StandardSchemaV1.Props {
  const { version, vendor } = standard;
  const { jsonSchema } = standard as { jsonSchema?: unknown };
  return { version, vendor, ...(jsonSchema === undefined ? {} : { jsonSchema }) } as StandardSchemaV1.Props;
}
