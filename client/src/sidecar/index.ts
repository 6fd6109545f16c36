export type { ContainerOptions } from "./docker/spec.ts";
export { dockerSource } from "./docker-source.ts";
export { embeddedSource } from "./embedded.ts";
export { type Endpoint, type ExecutorSource, remoteSource } from "./source.ts";
