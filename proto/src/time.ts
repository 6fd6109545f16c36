import type { Duration } from "./gen/google/protobuf/duration.ts";

/** A wire duration of `ms` milliseconds, to the nanosecond. */
export function toDuration(ms: number): Duration {
  const nanos = BigInt(Math.round(ms * 1e6));
  return { seconds: nanos / 1_000_000_000n, nanos: Number(nanos % 1_000_000_000n) };
}

/** Milliseconds of a wire duration. */
export function toMs(duration: Duration): number {
  return Number(duration.seconds) * 1000 + duration.nanos / 1e6;
}

/** The longest delay of a timer; longer ones fire at once in Node. */
export const MAX_TIMER_MS: number = 2 ** 31 - 1;
