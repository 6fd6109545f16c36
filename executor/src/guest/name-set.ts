import { primordials, setOwn } from "@codemode/proto/values";

/** Names to be asked for with `hasOwn`: an object that inherits nothing. */
export function nameSet(...names: string[]): object {
  const set = primordials.create(null) as object;
  for (let index = 0; index < names.length; index++) setOwn(set, names[index] as string, true);
  return set;
}
