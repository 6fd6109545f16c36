import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** The executor's image. */
    image: string;
  }
}

/** Builds the image once for all files; what they build themselves then comes from the engine's cache. */
export function setup(project: TestProject): () => void {
  const image = `codemode-test-${randomBytes(4).toString("hex")}`;
  execFileSync("docker", ["build", "--quiet", "--tag", image, "--file", "Dockerfile.executor", "."], { stdio: "pipe" });
  project.provide("image", image);
  return () => void execFileSync("docker", ["rmi", "--force", image], { stdio: "pipe" });
}
