export type { ContainerOptions } from "./docker/spec.ts";
export { dockerSource } from "./docker-source.ts";
export { embeddedSource } from "./embedded.ts";
export { remoteSource } from "./remote.ts";
export type { Endpoint, ExecutorSource } from "./source.ts";
