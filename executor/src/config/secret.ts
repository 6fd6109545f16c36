import { CodemodeError } from "@codemode/proto";
import { z } from "zod";

const MAX_KEY_CHARS = 505; // the header is capped at 512 with its "Bearer "

/** What a key may be made of. */
export const secret = z
  .string()
  .regex(/^[\x21-\x7e]+$/, "printable ASCII without spaces is needed")
  .max(MAX_KEY_CHARS);

/** Checks a key; `from` says where it came from. */
export function parseSecret(text: string, from: string): string {
  const parsed = secret.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new CodemodeError("INVALID_CONFIG", `${from}: ${parsed.error.issues[0]?.message ?? "no key"}`);
}
