/** The longest delay of a timer; longer ones fire at once in Node. */
export const MAX_TIMER_MS = 2 ** 31 - 1;
