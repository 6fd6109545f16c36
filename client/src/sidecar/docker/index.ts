export { buildImage } from "./build.ts";
export { ExecutorContainer, findContainer, removeContainer } from "./container.ts";
export { connectEngine } from "./engine.ts";
export { tailOf } from "./logs.ts";
export type { ContainerOptions } from "./spec.ts";
