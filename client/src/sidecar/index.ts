export { EmbeddedSource } from "./embedded.ts";
export { type Endpoint, type ExecutorSource, remoteSource } from "./source.ts";
