import type { ContainerOptions } from "./docker/index.ts";
import type { ExecutorSource } from "./source.ts";
import { StartedSource } from "./started.ts";

/**
 * Runs the executor in a container: found or started when first asked for, started anew when it has gone. One that was there
 * before is left there. Loads nothing of Docker until then.
 */
export function dockerSource(options: ContainerOptions): ExecutorSource {
  return new StartedSource(async () => (await import("./docker/index.ts")).ExecutorContainer.start(options));
}
