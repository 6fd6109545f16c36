import { Dice } from "./dice.ts";

/** A program that a seed has chosen. */
export interface RandomProgram {
  readonly seed: number;
  readonly code: string;
  /** Its value, its output and its console are the same in whatever order its calls settle, and whenever. */
  readonly isOrderless: boolean;
}

const HELPERS = `
const out = [];
let sum = 0;
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const tried = async (make) => { try { return await make(); } catch (error) { return [error.name, error.message, error.code]; } };
const settled = (list) => list.map((one) => one.value ?? one.reason?.message);
`;

/** How deep programs run programs, by a tool. */
const LEVELS = 2;

/** The program of `seed`. Each of its calls has arguments of its own, because handlers answer by what they are asked. */
export function randomProgram(seed: number): RandomProgram {
  const dice = new Dice(seed);
  const isOrderless = dice.below(2) === 0;
  return written(seed, new Writer(dice, isOrderless, LEVELS), isOrderless, () => dice.below(6) + 2);
}

/** A smaller one, which a tool runs. What it comes to depends on its seed alone. */
export function nestedProgram(seed: number, levels: number): RandomProgram {
  const dice = new Dice(seed);
  return written(seed, new Writer(dice, true, levels), true, () => dice.below(3) + 1);
}

function written(seed: number, writer: Writer, isOrderless: boolean, size: () => number): RandomProgram {
  const body = Array.from({ length: size() }, () => writer.statement(2)).join("\n");
  return { seed, isOrderless, code: `${HELPERS}${body}\n${writer.end()}` };
}

class Writer {
  readonly #dice: Dice;
  readonly #isOrderless: boolean;
  readonly #levels: number;
  #ids = 0;

  /** Its programs run others, `levels` deep. */
  constructor(dice: Dice, isOrderless: boolean, levels: number) {
    this.#dice = dice;
    this.#isOrderless = isOrderless;
    this.#levels = levels;
  }

  statement(depth: number): string {
    const kinds = this.#isOrderless ? orderless : [...orderless, ...ordered];
    return kinds[this.#dice.below(kinds.length)]!(this, depth);
  }

  end(): string {
    const ends = ["return { out, sum };", "return out;", "text(`sum ${sum}`); return [sum, out.length];"];
    const failures = ["throw new RangeError(`the end after ${out.length}`);", "await tools.failing({ id: 'end' });"];
    return this.#dice.below(6) === 0 ? this.#dice.one(failures) : this.#dice.one(ends);
  }

  id(): number {
    return ++this.#ids;
  }

  below(bound: number): number {
    return this.#dice.below(bound);
  }

  block(depth: number): string {
    return this.#dice.times(1, 2, () => this.statement(depth - 1)).join("\n");
  }

  /** A call that succeeds, as an expression; `more` goes into its arguments. */
  call(more = ""): string {
    const id = this.id();
    return this.#dice.one([
      `tools.echo({ id: ${id}${more} })`,
      `tools.echo({ id: ${id}, note: "é${id}"${more} })`,
      `tools.quick({ id: ${id}${more} })`,
      `agents.ask.run({ id: ${id}${more} })`,
      `callTool("echo", { id: ${id}${more} })`,
    ]);
  }

  /** A call that may fail, as an expression. */
  risky(): string {
    return this.#dice.below(2) === 0 ? this.call() : `tools.flaky({ id: ${this.id()} })`;
  }

  /** A call whose handler runs a program, as an expression. */
  nested(): string {
    if (this.#levels === 0) return this.call();
    return `tools.nested({ id: ${this.id()}, levels: ${this.#levels - 1} })`;
  }

  list(make: () => string): string {
    return `[${this.#dice.times(2, 6, make).join(", ")}]`;
  }
}

type Kind = (writer: Writer, depth: number) => string;

const orderless: readonly Kind[] = [
  (w) => `out.push(await ${w.call()});`,
  (w) => `out.push(await ${w.call(", x: Math.random()")});`,
  (w) => `out.push(await tried(() => tools.flaky({ id: ${w.id()} })));`,
  (w) =>
    `try { out.push(await tools.failing({ id: ${w.id()} })); } catch (error) { console.warn("caught", error.message); out.push(error.code); } finally { out.push(await ${w.call()}); }`,
  (w) => `out.push(await Promise.all(${w.list(() => w.call())}));`,
  (w) => `out.push(settled(await Promise.allSettled(${w.list(() => w.risky())})));`,
  (w) =>
    `for (let i = 0; i < ${2 + w.below(30)}; i++) sum = (sum * 31 + (await tools.quick({ id: ${w.id()}, i })).n) % 1e9;`,
  (w) =>
    w.below(10) === 0
      ? `for (let i = 0; i < ${300 * (1 + w.below(w.below(10) === 0 ? 10 : 3))}; i++) sum = (sum * 31 + (await tools.quick({ id: ${w.id()}, i })).n) % 1e9;`
      : `for (const part of [1, 2, 3]) out.push((await Promise.all([...Array(${5 + w.below(90)}).keys()].map((i) => tools.quick({ id: ${w.id()}, i, part })))).length);`,
  (w) => {
    const id = w.id();
    return `const f${id} = async (n, tag) => (n <= 0 ? 0 : ((await tools.echo({ id: ${id}, n, tag })).n % 97) + (await f${id}(n - 1, tag)));
out.push(await Promise.all([f${id}(3, "a"), f${id}(2, "b")]), await f${id}(2, "c"));`;
  },
  (w) =>
    `for await (const n of tools.items({ id: ${w.id()}, to: ${w.below(200)} })) { sum = (sum * 31 + n) % 1e9; ${w.below(3) === 0 ? "if (n % 50 === 0) break;" : ""} }`,
  (w) =>
    `out.push(await tried(async () => { for await (const n of tools.faltering({ id: ${w.id()}, to: ${w.below(100)} })) sum = (sum * 31 + n) % 1e9; }));`,
  // How many items come before one that breaks the schema depends on the time.
  (w) =>
    `out.push(await tried(async () => { let last; for await (const n of tools.typed({ id: ${w.id()}, to: ${w.below(80)}, bad: ${w.below(2) === 0} })) last = n; return last; }));`,
  (w) => `out.push(await ${w.below(2) === 0 ? w.nested() : w.call()});`,
  (w) => `out.push(await Promise.all([${w.nested()}, ${w.call()}, ${w.nested()}]));`,
  (w) => `await sleep(${w.below(15)});`,
  (w) => `{ const id = setTimeout(() => out.push("never"), 20_000); out.push(await ${w.call()}); clearTimeout(id); }`,
  (w) => `console.log("step", ${w.id()}, out.length, { sum }); text("part " + out.length);`,
  (w) => `console.error(new Array(${1 + w.below(30)}).fill("line").join(" ")); json({ step: ${w.id()}, sum });`,
  (w, depth) =>
    depth > 0
      ? `if (Math.random() < 0.5) { ${w.block(depth)} } else { ${w.block(depth)} }`
      : `out.push(Math.random());`,
  (w, depth) => (depth > 0 ? `await (async () => { ${w.block(depth)} })();` : `out.push(await ${w.call()});`),
  (w) =>
    w.below(4) === 0
      ? `for (let i = 0; i < ${4 + w.below(4)}; i++) out.push((await tools.big({ id: ${w.id()}, i, kib: ${400 + w.below(500)} })).length);`
      : `out.push((await tools.big({ id: ${w.id()}, kib: ${1 + w.below(120)} })).length);`,
  (w) => `tools.echo({ id: ${w.id()}, note: "nobody waits" });`,
];

/** What depends on the order in which calls settle, or on the clock. */
const ordered: readonly Kind[] = [
  (w) => `out.push(await Promise.race(${w.list(() => w.call())}));`,
  (w) => `out.push(await tried(() => Promise.any(${w.list(() => w.risky())})));`,
  (w) => `out.push(await Promise.race([${w.call()}, sleep(${w.below(30)}).then(() => "late")]));`,
  (w) =>
    `{ const id = setTimeout(() => { out.push("fired"); console.log("fired"); }, ${w.below(25)}); out.push(await ${w.call()}); clearTimeout(id); }`,
  (w) =>
    `await Promise.all([1, 2, 3, 4].map(async (i) => { await tools.echo({ id: ${w.id()}, i, r: Math.random() }); out.push(i, Math.random()); console.log("settled", i); if (i % 2) out.push(await tools.quick({ id: ${w.id()}, i, at: out.length })); }));`,
  (w) => `{ const start = Date.now(); await ${w.call()}; out.push(Date.now() - start, new Date().toISOString()); }`,
  (w, depth) =>
    depth > 0 ? `if (Date.now() % 2) { ${w.block(depth)} } else { ${w.block(depth)} }` : `out.push(Date.now());`,
  (w) =>
    `await new Promise((done) => { let ticks = 0; const id = setInterval(() => { out.push("tick"); if (++ticks > ${w.below(4)}) { clearInterval(id); done(); } }, ${w.below(6)}); });`,
  (w) => `tools.flaky({ id: ${w.id()}, note: "nobody catches" });`,
  (w) => `void ${w.call()}.then((got) => { out.push("then"); return tools.quick({ id: ${w.id()}, n: got.n }); });`,
  (w) =>
    `{ const timers = [...Array(12).keys()].map((i) => setTimeout(() => { out.push(i); for (const id of timers.slice(i + 3)) clearTimeout(id); }, ${w.below(10)} + i)); await sleep(20); await ${w.call()}; }`,
  (w) => `await Promise.race([...Array(${70 + w.below(60)}).keys()].map((i) => tools.echo({ id: ${w.id()}, i })));`,
];
