import { mkdtempDisposableSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ComponentRegistry } from "@codemode/client";
import { Ours } from "../ours.ts";
import type { Bench, Socket } from "../bench.ts";
import { type Figure, once, type Reached } from "../report.ts";
import { type Contender, measure, median, quantile } from "../rounds.ts";

const MIB = 1_048_576;
const PIECES = 8;
const PIECE = MIB - 64; // one answer is at most a MiB
const ARGUMENT = 255 * 1_024; // and one argument a quarter of it
const MB_PER_SECOND = 100 / (MIB / 1e6); // in MiB
const loopDelay = new URL("../loop-delay.ts", import.meta.url).href;

/** One text with nothing in it that JSON escapes, as base64 is, and one of lines, as most others are. */
const plain = "x";
const line = `${"x".repeat(79)}\n`;
const give = (unit: string, bytes: number): string =>
  unit.repeat(Math.floor(bytes / (JSON.stringify(unit).length - 2)));

const within = (tool: string, calls = PIECES) =>
  `await Promise.all(Array.from({ length: ${calls} }, () => tools.${tool}())); return 0`;
/** What takes no time here: a program that made its text by itself, without a JIT, would be what is measured. */
const without = (unit: string, bytes = PIECES * MIB) =>
  `const piece = ${JSON.stringify(unit)}.repeat(${give(unit, ARGUMENT).length / unit.length});
   await Promise.all(Array.from({ length: ${Math.ceil(bytes / ARGUMENT)} }, () => tools.take({ piece }))); return 0`;

/** 5: 8 MiB in, and 8 MiB out. */
export async function payload({ sockets, rounds }: Bench): Promise<Figure> {
  const [plainPiece, linesPiece] = [give(plain, PIECE), give(line, PIECE)];
  const registry = new ComponentRegistry()
    .registerTool("plain", { description: "Gives a MiB", execute: () => plainPiece })
    .registerTool("lines", { description: "Gives a MiB of lines", execute: () => linesPiece })
    .registerTool("take", { description: "Takes text", execute: ({ piece }: { piece: string }) => piece.length });
  const edges: Watched[] = [];
  const contenders: Contender[] = [];
  const told: Contender[] = [];
  let times;
  {
    await using stack = new AsyncDisposableStack();
    for (const socket of sockets) {
      const edge = stack.use(await Watched.start(socket, registry));
      const name = (what: string) => `8 MiB ${what}, ${socket.kind}`;
      contenders.push({ name: name("in"), run: () => edge.run(within("plain")) });
      contenders.push({ name: name("out"), run: () => edge.run(without(plain)) });
      if (edges.push(edge) > 1) continue;
      told.push({ name: name("of lines in"), run: () => edge.run(within("lines")) });
      told.push({ name: name("of lines out"), run: () => edge.run(without(line)) });
    }
    times = await measure([...contenders, ...told], { rounds: Math.min(rounds, 9), repeat: 1 });
  }
  const speeds = [...times].map(([name, ms]): Reached => {
    const mibPerSecond = ms.map((one) => PIECES / (one / 1_000));
    const ratio = {
      median: median(mibPerSecond),
      low: quantile(mibPerSecond, 0.25),
      high: quantile(mibPerSecond, 0.75),
    };
    const target = { is: "at least", value: Number(MB_PER_SECOND.toFixed(1)) } as const;
    return { what: `MiB a second, ${name}`, ratio, ...(contenders.some((one) => one.name === name) && { target }) };
  });
  return { title: "5. Large payloads", times, reached: [...speeds, ...edges.flatMap((edge) => edge.reached)] };
}

/** What `loop-delay.ts` writes. */
interface Held {
  readonly lateMs: number;
  readonly ownMs: number;
}

/** An executor whose edge process is looked at from when it rests until it ends. */
class Watched implements AsyncDisposable {
  readonly #kind: string;
  readonly #ours: Ours;
  readonly #folder: Disposable & { readonly path: string };
  readonly #restMib: number;
  #peakMib = Number.NaN;
  #held: Held = { lateMs: Number.NaN, ownMs: Number.NaN };

  private constructor(kind: string, ours: Ours, folder: Disposable & { readonly path: string }) {
    this.#kind = kind;
    this.#ours = ours;
    this.#folder = folder;
    writeFileSync(`/proc/${ours.pid}/clear_refs`, "5"); // the peak begins anew
    this.#restMib = residentMib(ours.pid, "VmRSS");
    process.kill(ours.pid, "SIGUSR2");
  }

  static async start({ kind, listen }: Socket, registry: ComponentRegistry): Promise<Watched> {
    const folder = mkdtempDisposableSync(join(tmpdir(), "codemode-bench-"));
    const extra = { NODE_OPTIONS: `--import=${loopDelay}`, BENCH_LOOP_DELAY: join(folder.path, "ms") };
    const ours = await Ours.start(listen(), registry, extra);
    for (const code of [without("x", ARGUMENT), within("plain", 1)]) await ours.run(code); // what any first run loads
    return new Watched(kind, ours, folder);
  }

  async run(code: string): Promise<void> {
    await this.#ours.run(code);
  }

  /** Of an edge that has ended. */
  get reached(): Reached[] {
    return [
      {
        what: `memory of the edge at its peak over rest, ${this.#kind}, / 8 MiB`,
        ratio: once((this.#peakMib - this.#restMib) / PIECES),
        target: { is: "at most", value: 4 },
      },
      {
        what: `ms for which the event loop of the edge was late at most, ${this.#kind}`,
        ratio: once(this.#held.lateMs),
        target: { is: "at most", value: 20 },
      },
      {
        what: `ms for which the edge itself held its event loop at most, by CPU time, ${this.#kind}`,
        ratio: once(this.#held.ownMs),
      },
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#peakMib = residentMib(this.#ours.pid, "VmHWM");
    await this.#ours[Symbol.asyncDispose]();
    this.#held = JSON.parse(readFileSync(join(this.#folder.path, "ms"), "utf8")) as Held;
    this.#folder[Symbol.dispose]();
  }
}

function residentMib(pid: number, which: "VmRSS" | "VmHWM"): number {
  const kib = new RegExp(`^${which}:\\s+(\\d+) kB`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kib) / 1_024;
}
