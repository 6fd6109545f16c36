export type { OpenApiDocument } from "./document.ts";
export { type OpenApiOperation, type OpenApiOptions, openApiTools } from "./tools.ts";
