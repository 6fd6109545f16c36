import { hide, primordials } from "@codemode/proto/values";
import type { RunSettings } from "./host.ts";

const { construct, apply, defineProperty, getOwnPropertyDescriptor } = primordials;

let now = 0;

/** The program's clock: it stands still while the program runs and moves when a call settles. */
export function setClock(milliseconds: number): void {
  // A clock never goes back, whatever the app's does.
  if (milliseconds > now) now = milliseconds;
}

/** The program's time, in milliseconds since the epoch. */
export function currentTime(): number {
  return now;
}

const dateToString = Function.prototype.call.bind(Date.prototype.toString) as (date: Date) => string;

/** Makes every way to ask for the time answer with the program's clock. A finer clock would also serve timing attacks. */
export function installClock(global: object): void {
  const RealDate = Date;
  hide(RealDate, "now", { now: () => now }.now);
  const ClockDate = new Proxy(RealDate, {
    __proto__: null,
    construct: (target, given, newTarget) =>
      construct(target, given.length === 0 ? [now] : given, newTarget === ClockDate ? target : newTarget),
    apply: () => dateToString(new RealDate(now)),
  } as ProxyHandler<DateConstructor>);
  hide(RealDate.prototype, "constructor", ClockDate);
  hide(global, "Date", ClockDate);

  const prototype = Intl.DateTimeFormat.prototype;
  const format = getOwnPropertyDescriptor(prototype, "format")?.get as () => (date?: Date | number) => string;
  const { formatToParts } = prototype;
  defineProperty(prototype, "format", {
    configurable: true,
    get(this: Intl.DateTimeFormat) {
      const formatDate = apply(format, this, []) as (date: Date | number) => string;
      return (date?: Date | number) => formatDate(date === undefined ? now : date);
    },
  });
  const methods = {
    formatToParts(this: Intl.DateTimeFormat, date?: Date | number) {
      return apply(formatToParts, this, [date === undefined ? now : date]);
    },
  };
  hide(prototype, "formatToParts", methods.formatToParts);
}

/** Makes Math.random a function of the run's seed. */
export function installRandom(settings: RunSettings): void {
  let next: (() => number) | undefined;
  hide(Math, "random", { random: () => (next ??= randomWords(settings.seed, 0))() / 4294967296 }.random);
}

/** Numbers of 32 bits, another row for each `stream`: sfc32, which passes PractRand (Chris Doty-Humphrey, 2010). */
export function randomWords(seed: string, stream: number): () => number {
  const word = (index: number): number => parseInt(primordials.slice(seed, index * 8, index * 8 + 8), 16) | 0;
  let a = word(0);
  let b = word(1);
  let c = word(2);
  let counter = word(3) ^ stream;
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let round = 0; round < 12; round++) next();
  return next;
}
