export { schemaOf } from "./component.ts";
export { declarationsOf } from "./declarations.ts";
export { describe, type DescribeOptions, type ModelDescription } from "./describe.ts";
export { type FoundComponent, search, type SearchOptions } from "./search.ts";
