export type { AgentDefinition, CallInfo, Component, ToolDefinition } from "./component.ts";
export { type ContextValues, RuntimeContext, type RuntimeContextOptions } from "./context.ts";
export type { JsonSchema } from "./json-schema.ts";
export type { Registration, RegistrationChange } from "./registration.ts";
export { ComponentRegistry, type RegisterAllOptions, type RegisterOptions } from "./registry.ts";
export type { InputOf, OutputOf, Schema } from "./schema.ts";
export type { PlainAnswer } from "./sources/answers.ts";
export { functionTools } from "./sources/openai.ts";
