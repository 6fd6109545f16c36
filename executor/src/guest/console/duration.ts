const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Whole milliseconds as the timers of Node's console print them. */
export function duration(milliseconds: number): string {
  if (milliseconds < SECOND) return `${milliseconds}ms`;
  const fraction = digits(milliseconds % SECOND, 3);
  const seconds = (milliseconds - (milliseconds % SECOND)) / SECOND;
  if (milliseconds < MINUTE) return `${seconds}.${fraction}s`;
  const minutes = (seconds - (seconds % 60)) / 60;
  const rest = `${digits(seconds % 60, 2)}.${fraction}`;
  if (milliseconds < HOUR) return `${minutes}:${rest} (m:ss.mmm)`;
  return `${(minutes - (minutes % 60)) / 60}:${digits(minutes % 60, 2)}:${rest} (h:mm:ss.mmm)`;
}

function digits(value: number, count: number): string {
  let text = `${value}`;
  while (text.length < count) text = `0${text}`;
  return text;
}
