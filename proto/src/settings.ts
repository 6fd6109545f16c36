// How settings are written, for client and executor alike.
export { asTable, type Explained } from "./settings/explained.ts";
export { nearest } from "./settings/nearest.ts";
export {
  DURATION_PATTERN,
  formatDuration,
  formatSize,
  parseDuration,
  parseSize,
  SIZE_PATTERN,
} from "./settings/quantities.ts";
export { type Environment, substitute } from "./settings/substitute.ts";
