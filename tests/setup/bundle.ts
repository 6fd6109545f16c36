import { execFileSync } from "node:child_process";

/** Bundles the worker and the guest once, so that no test meets a stale one. */
export function setup(): void {
  execFileSync(process.execPath, ["scripts/bundle.mjs"], { stdio: "inherit" });
}
