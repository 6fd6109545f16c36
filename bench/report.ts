import { median, quantile, type Ratio, ratio, type Times } from "./rounds.ts";

/** One line of a figure: what was reached, and what was to be. */
export interface Reached {
  readonly what: string;
  readonly ratio: Ratio;
  /** Absent where it is only told. */
  readonly target?: {
    readonly is: "at most" | "at least";
    readonly value: number;
    /** What is so far out that something must have broken, also on a machine that has other things to do. */
    readonly guard?: number;
  };
}

/** What a figure has come to. */
export interface Figure {
  readonly title: string;
  readonly times: Times;
  readonly reached: readonly Reached[];
}

/** `one` takes at most so many times as long as `other`. */
export function atMost(times: Times, one: string, other: string, value: number, guard?: number): Reached {
  return {
    what: `${one} / ${other}`,
    ratio: ratio(times, one, other),
    target: { is: "at most", value, ...(guard !== undefined && { guard }) },
  };
}

/** What was measured once. */
export function once(value: number): Ratio {
  return { median: value, low: value, high: value };
}

/** In so many times the throughput of `other`: the inverse of the times of one operation. */
export function throughput(times: Times, one: string, other: string, value: number, guard: number): Reached {
  const { median: middle, low, high } = ratio(times, other, one);
  return {
    what: `throughput of ${one} / ${other}`,
    ratio: { median: middle, low, high },
    target: { is: "at least", value, guard },
  };
}

export function isReached({ ratio: { median: middle }, target }: Reached): boolean {
  return !target || (target.is === "at most" ? middle <= target.value : middle >= target.value);
}

/** False for what is far out. */
export function isGuarded({ ratio: { median: middle }, target }: Reached): boolean {
  const { is, guard } = target ?? {};
  return guard === undefined || (is === "at most" ? middle <= guard : middle >= guard);
}

export function print({ title, times, reached }: Figure): void {
  console.log(`\n${title}`);
  for (const [name, values] of times) {
    const spread = `${format(quantile(values, 0.25))} – ${format(quantile(values, 0.75))}`;
    console.log(`  ${format(median(values)).padStart(10)} ms   ${spread.padEnd(24)} ${name}`);
  }
  for (const line of reached) {
    const { median: middle, low, high } = line.ratio;
    const sign = line.target ? (isReached(line) ? "✓" : "✗") : " ";
    const target = line.target ? `, ${line.target.is} ${line.target.value}` : "";
    console.log(`  ${sign} ${middle.toFixed(2)} (${low.toFixed(2)} – ${high.toFixed(2)})${target}: ${line.what}`);
  }
}

function format(ms: number): string {
  return ms >= 100 ? ms.toFixed(0) : ms >= 1 ? ms.toFixed(2) : ms.toFixed(4);
}
