export type { AgentDefinition, CallInfo, Component, ToolDefinition } from "./component.ts";
export { type ContextValues, RuntimeContext, type RuntimeContextOptions } from "./context.ts";
export type { JsonSchema } from "./json-schema.ts";
export { ComponentRegistry, type RegisterOptions } from "./registry.ts";
export type { InputOf, OutputOf, Schema } from "./schema.ts";
