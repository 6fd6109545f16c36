import { CodemodeError } from "@codemode/proto";

const MAX_KEY_CHARS = 505; // the header is capped at 512 with its "Bearer "

/** What is wrong with `text` as a key; undefined when nothing is. */
export function secretProblem(text: string): string | undefined {
  if (!/^[\x21-\x7e]+$/.test(text)) return "printable ASCII without spaces is needed";
  return text.length > MAX_KEY_CHARS ? `at most ${MAX_KEY_CHARS} characters are possible` : undefined;
}

/** Checks a key; `from` says where it came from. */
export function parseSecret(text: string, from: string): string {
  const problem = secretProblem(text);
  if (problem === undefined) return text;
  throw new CodemodeError("INVALID_CONFIG", `${from}: ${problem}`);
}
