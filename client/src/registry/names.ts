import { RegistryError } from "../errors.ts";

export const MAX_NAME_LENGTH = 128; // as the protocol says of Component.name
const SHAPE = /^[A-Za-z0-9_][\w$-]*(\.[A-Za-z0-9_][\w$-]*)*$/;

/** Names that JavaScript asks of every object, so a tool of that name would be found by accident or change a prototype. */
export const TAKEN: ReadonlyMap<string, string> = new Map([
  ["then", "await would take the tools object for a promise"],
  ["constructor", "every object has one"],
  ["prototype", "every function has one"],
  ["__proto__", "it is how JavaScript names an object's prototype"],
]);

/** Throws when `name` cannot be the name of a tool or an agent. A dot makes a namespace. */
export function checkName(kind: "tool" | "agent" | "tool or agent" | "namespace", name: string): void {
  const reason = refusal(name);
  const what = kind === "namespace" ? "in namespace" : kind;
  if (reason) throw new RegistryError(`Cannot register ${what} ${JSON.stringify(name)}: ${reason}`);
}

function refusal(name: unknown): string | undefined {
  if (typeof name !== "string") return "a name is a string";
  if (name.length === 0) return "the name is empty";
  if (name.length > MAX_NAME_LENGTH)
    return `the name has ${name.length} characters, at most ${MAX_NAME_LENGTH} are allowed`;
  if (name.startsWith("$")) return 'names that start with "$" are kept for Codemode';
  for (const part of name.split(".")) {
    const taken = TAKEN.get(part);
    if (taken) return `"${part}" cannot be used, ${taken}`;
  }
  if (!SHAPE.test(name)) {
    return 'a name is made of letters, digits, "_", "-" and "$", with dots between its parts';
  }
  return undefined;
}
