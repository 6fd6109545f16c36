export { type Prepared, Runs } from "./runs.ts";
