/** Characters of one console call; more are cut. */
export const MAX_LINE = 16_384;
