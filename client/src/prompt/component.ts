import {
  access,
  asList,
  asRecord,
  callOf,
  comment,
  commentText,
  pascal,
  printType,
  type TypeOptions,
} from "@codemode/proto/discovery";
import type { Component } from "../registry/index.ts";
import { exampleInput } from "./example.ts";
import { estimateTokens } from "./tokens.ts";

const MAX_DESCRIPTION = 1_500; // units
const ROOM: Omit<TypeOptions, "docs"> = { maxLength: 12_000, maxDepth: 12, open: false };

/** How much is told of a component: all, or how it is called. */
export type Detail = "docs" | "signature";

/** A component as a member of a type. */
export interface Declared {
  /** A comment in front of it; empty when there is nothing to say. */
  readonly doc: string;
  /** What follows its name: `(input: { … }): Promise<…>`. */
  readonly call: string;
  /** Declarations of types that `call` speaks of: those that hold themselves, or are used more than once. */
  readonly types: readonly string[];
  /** Estimate for all of it. */
  readonly tokens: number;
}

/** Components do not change, so what is told of one is told again. */
const told = new WeakMap<Component, Map<string, Declared>>();

/** Declares `component`. `prefix` is where the names of its types begin, and its alone. `open` is that of `printType`. */
export function declare(component: Component, detail: Detail, prefix: string, open = false): Declared {
  const known = told.get(component) ?? new Map<string, Declared>();
  told.set(component, known);
  const key = `${detail} ${prefix} ${open}`;
  const declared = known.get(key) ?? made(component, { ...ROOM, open, docs: detail === "docs" }, prefix);
  known.set(key, declared);
  return declared;
}

function made(component: Component, options: TypeOptions, prefix: string): Declared {
  const [input, output] = [schemaOf(component.input.json), schemaOf(component.output.json)];
  const given = printType(input, { ...options, prefix }, "Input");
  const returned = printType(output, { ...options, prefix: `${prefix}Result` }, "Output");
  const call = callOf(input, given.type, returned.type);
  const doc = options.docs ? docOf(component, input) : "";
  const types = [...given.named, ...returned.named];
  return { doc, call, types, tokens: estimateTokens([doc, call, ...types].join("\n")) };
}

function docOf({ kind, name, description, inputExamples }: Component, input: unknown): string {
  const said = commentText(description, MAX_DESCRIPTION);
  const example = input === undefined ? undefined : exampleInput(input, inputExamples);
  const call =
    example === undefined
      ? ""
      : `@example await ${access(kind, name)}(${isEmpty(input, example) ? "" : commentText(example, 400)})`;
  const text = said === "" || call === "" ? said + call : `${said}\n${call}`;
  return text === "" ? "" : comment(text);
}

/** An empty input that may be left out. */
function isEmpty(input: unknown, example: string): boolean {
  return example === "{}" && asList(asRecord(input)["required"]).length === 0;
}

/** The schema of a component, which the registry has bounded; undefined where anything goes. */
export function schemaOf(json: string): unknown {
  return json === "" ? undefined : JSON.parse(json);
}

/** Starts of the names of types, one for each component and no other. Same components, same names. */
export function prefixesOf(components: readonly Component[]): ReadonlyMap<Component, string> {
  const taken = new Set<string>();
  const prefixes = new Map<Component, string>();
  for (const component of components) {
    const wanted = `${component.kind === "agent" ? "Agent" : ""}${pascal(component.name)}`;
    let prefix = wanted;
    for (let count = 2; taken.has(prefix) || taken.has(`${prefix}Result`); count++) prefix = `${wanted}${count}`;
    taken.add(prefix).add(`${prefix}Result`);
    prefixes.set(component, prefix);
  }
  return prefixes;
}
