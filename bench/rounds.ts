import { setTimeout as sleep } from "node:timers/promises";

/** Something whose time is measured beside that of others. */
export interface Contender {
  readonly name: string;
  /** One operation, or `operations` of them. A number that comes back is how long it took, in milliseconds. */
  readonly run: () => unknown;
  /** How many operations one `run` is. */
  readonly operations?: number;
}

/** Milliseconds of one operation, round by round. */
export type Times = ReadonlyMap<string, readonly number[]>;

export interface RoundsOptions {
  readonly rounds: number;
  /** Runs of each contender in a round; the round counts as their median. */
  readonly repeat: number;
  /** Between two runs, so that what is made ready ahead is ready. */
  readonly pauseMs?: number;
}

/**
 * Measures all contenders in turn, round by round, each round in another order: what the machine does besides meets all of
 * them alike.
 */
export async function measure(
  contenders: readonly Contender[],
  { rounds, repeat, pauseMs = 0 }: RoundsOptions,
): Promise<Times> {
  const times = new Map(contenders.map(({ name }) => [name, [] as number[]]));
  for (const { run } of contenders) for (let index = 0; index < repeat; index++) await run(); // warm
  for (let round = 0; round < rounds; round++) {
    const shift = round % contenders.length;
    for (const { name, run, operations = 1 } of [...contenders.slice(shift), ...contenders.slice(0, shift)]) {
      const taken: number[] = [];
      for (let index = 0; index < repeat; index++) {
        if (pauseMs > 0) await sleep(pauseMs);
        const before = performance.now();
        const told = await run();
        taken.push((typeof told === "number" ? told : performance.now() - before) / operations);
      }
      times.get(name)?.push(median(taken));
    }
  }
  return times;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** How many times as long `one` takes as `other`: the median over the rounds, and the middle half of them. */
export interface Ratio {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** Round by round, because both have met the same weather. */
export function ratio(times: Times, one: string, other: string): Ratio {
  const others = times.get(other) ?? [];
  const ratios = (times.get(one) ?? []).map((ms, round) => ms / (others[round] ?? Number.NaN));
  return { median: median(ratios), low: quantile(ratios, 0.25), high: quantile(ratios, 0.75) };
}
