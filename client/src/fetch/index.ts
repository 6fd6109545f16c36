export type { Address, Lookup } from "./addresses.ts";
export type { FetchOptions } from "./options.ts";
export type { FetchRequest, FetchRule } from "./rules.ts";
export { fetchTool } from "./tool.ts";
