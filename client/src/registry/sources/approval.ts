import type { Component } from "../component.ts";
import { cannot } from "../found.ts";
import { ToolError } from "../../errors.ts";

const INSTEAD = "a run asks nobody; register a tool that asks within its handler";

/** Throws when a tool always asks somebody before it is called. */
export function mustNotAsk(kind: Component["kind"], name: string, origin: string, needs: unknown): void {
  if (needs === true) throw cannot(kind, name, origin, `it needs approval, and ${INSTEAD}`);
}

/** Throws when this call would have to be approved first. */
export async function mustBeApproved(name: string, needs: unknown): Promise<void> {
  if ((await needs) !== true) return;
  throw new ToolError(`This call of "${name}" needs approval, and ${INSTEAD}`, { code: "APPROVAL_NEEDED" });
}
