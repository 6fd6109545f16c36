import { formatDuration, parseDuration } from "@codemode/proto/settings";
import { type Address, parseAddress, parseTcpAddress, type TcpAddress } from "./address.ts";
import { secretProblem } from "./secret.ts";

/** What settings are. */
export type Value = string | number | boolean | Address | undefined;

/** One thing that an executor can be told. `T` is undefined where it may be left untold. */
export interface Setting<T extends Value = Value> {
  /** One sentence for the docs. */
  readonly docs: string;
  /** What a value must be: "a whole number from 1 to 10". */
  readonly expects: string;
  /** What holds when nobody has told it. */
  readonly fallback: T;
  /** What docs say of that, where it is no value or differs from machine to machine. */
  readonly otherwise: string | undefined;
  /** A secret is never shown; the name of a file may be relative to the file that it is written in. */
  readonly holds: "a value" | "a secret" | "a file";
  /** The value of what was written: text, or what YAML makes of a scalar. Undefined when it is none. */
  readonly read: (written: unknown) => T | undefined;
}

interface Default<T> {
  readonly fallback: T;
  readonly otherwise?: string;
}

function setting<T extends Value>(
  docs: string,
  expects: string,
  read: Setting<T>["read"],
  { fallback, otherwise }: Default<T>,
  holds: Setting["holds"] = "a value",
): Setting<T> {
  return { docs, expects, fallback, otherwise, holds, read };
}

/** Reads text, and nothing else. */
function whenText<T extends Value>(parse: (text: string) => T | undefined): Setting<T>["read"] {
  return (written) => (typeof written === "string" ? parse(written) : undefined);
}

export function whole(docs: string, least: number, most: number, byDefault: Default<number>): Setting<number> {
  const read = (written: unknown): number | undefined => within(least, most, numberOf(written));
  return setting(docs, `a whole number from ${least} to ${most}`, read, byDefault);
}

/** Milliseconds, or text such as `30s`; milliseconds once read. */
export function duration(docs: string, least: number, most: number, byDefault: Default<number>): Setting<number> {
  const expects = `milliseconds or a duration such as 30s, from ${formatDuration(least)} to ${formatDuration(most)}`;
  const read = (written: unknown): number | undefined => {
    const ms = typeof written === "string" ? parseDuration(written) : undefined;
    return within(least, most, ms ?? numberOf(written));
  };
  return setting(docs, expects, read, byDefault);
}

export function flag(docs: string, byDefault: Default<boolean>): Setting<boolean> {
  const read = (written: unknown): boolean | undefined => {
    const text = String(written);
    return text === "true" || text === "false" ? text === "true" : undefined;
  };
  return setting(docs, "true or false", read, byDefault);
}

export function choice<const T extends string>(docs: string, values: readonly T[], fallback: NoInfer<T>): Setting<T> {
  const read = (written: unknown): T | undefined => values.find((value) => value === written);
  return setting(docs, `one of ${values.join(", ")}`, read, { fallback });
}

export function address(docs: string, fallback: Address): Setting<Address> {
  return setting(docs, "host:port or unix:path", whenText(parseAddress), { fallback });
}

export function port(docs: string, otherwise: string): Setting<TcpAddress | undefined> {
  return setting(docs, "host:port", whenText(parseTcpAddress), { fallback: undefined, otherwise });
}

export function secret(docs: string, otherwise: string): Setting<string | undefined> {
  const read = whenText((text) => (secretProblem(text) === undefined ? text : undefined));
  const expects = "at most 505 characters of printable ASCII without spaces";
  return setting(docs, expects, read, { fallback: undefined, otherwise }, "a secret");
}

/** The name of a file. */
export function file(docs: string, otherwise: string): Setting<string | undefined> {
  return setting(docs, "the name of a file", whenText(String), { fallback: undefined, otherwise }, "a file");
}

function numberOf(written: unknown): number | undefined {
  if (typeof written === "string") return /^\d{1,15}$/.test(written) ? Number(written) : undefined;
  return typeof written === "number" ? written : undefined;
}

function within(least: number, most: number, value: number | undefined): number | undefined {
  return value !== undefined && Number.isInteger(value) && value >= least && value <= most ? value : undefined;
}
