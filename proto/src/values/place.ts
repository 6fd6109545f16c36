import { UnserializableError } from "./errors.ts";
import { primordials } from "./primordials.ts";

const { regExpExec, stringify } = primordials;
const identifier = /^[A-Za-z_$][\w$]*$/;

/** Where the walk stands: a linked list, so that a path costs nothing until it is needed. */
export interface Place {
  readonly key: string | number;
  readonly parent: Place | undefined;
  readonly depth: number;
}

export function below(parent: Place | undefined, key: string | number): Place {
  return { key, parent, depth: (parent?.depth ?? 0) + 1 };
}

export function refuse(place: Place | undefined, problem: string): UnserializableError {
  let path = "";
  for (let at = place; at !== undefined; at = at.parent) {
    const { key } = at;
    if (typeof key === "number") path = `[${primordials.String(key)}]${path}`;
    else path = `${regExpExec(identifier, key) !== null ? `.${key}` : `[${stringify(key)}]`}${path}`;
  }
  return new UnserializableError(path, problem);
}
