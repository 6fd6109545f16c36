const MS_PER_UNIT = { ms: 1, s: 1_000, m: 60_000 } as const;
const BYTES_PER_UNIT = { B: 1, KiB: 1_024, MiB: 1_048_576 } as const;

/** What a duration looks like when it is text: `500ms`, `1.5s`, `2m`. */
export const DURATION_PATTERN = /^(\d+(?:\.\d+)?) ?(ms|s|m)$/;
/** What a size looks like when it is text: `512B`, `256KiB`, `64MiB`. */
export const SIZE_PATTERN = /^(\d+(?:\.\d+)?) ?(B|KiB|MiB)$/;

/** Milliseconds of `500ms`, `30s` or `2m`; undefined for any other text. */
export function parseDuration(text: string): number | undefined {
  const match = DURATION_PATTERN.exec(text);
  return match ? Number(match[1]) * MS_PER_UNIT[match[2] as keyof typeof MS_PER_UNIT] : undefined;
}

/** Bytes of `512B`, `256KiB` or `64MiB`; undefined for any other text. */
export function parseSize(text: string): number | undefined {
  const match = SIZE_PATTERN.exec(text);
  return match ? Number(match[1]) * BYTES_PER_UNIT[match[2] as keyof typeof BYTES_PER_UNIT] : undefined;
}

/** A duration as people write it: `30s`, `1500ms`. */
export function formatDuration(ms: number): string {
  return formatIn(MS_PER_UNIT, ms);
}

/** A size as people write it: `64MiB`, `1000B`. */
export function formatSize(bytes: number): string {
  return formatIn(BYTES_PER_UNIT, bytes);
}

/** Takes the largest unit that divides `amount` evenly. */
function formatIn(units: Readonly<Record<string, number>>, amount: number): string {
  const fitting = Object.entries(units).filter(([, factor]) => amount >= factor && amount % factor === 0);
  const [unit, factor] = fitting.at(-1) ?? Object.entries(units)[0]!;
  return `${amount / factor}${unit}`;
}
