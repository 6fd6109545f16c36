import { readFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { ComponentRegistry } from "@codemode/client";
import { Ours } from "../ours.ts";
import type { Bench } from "../bench.ts";
import type { Figure, Reached } from "../report.ts";
import { measure, type Ratio } from "../rounds.ts";

const MIB = 1_048_576;
const PIECE = "x".repeat(MIB - 64); // one answer is at most a MiB
const PIECES = 8;
const within = `await Promise.all(Array.from({ length: ${PIECES} }, () => tools.give())); return 0`;
const ARGUMENT = 255 * 1_024; // and one argument a quarter of it
const without = `const piece = "x".repeat(${ARGUMENT}); await Promise.all(Array.from({ length: ${Math.ceil((PIECES * MIB) / ARGUMENT)} }, () => tools.take({ piece }))); return 0`;

/** 5: 8 MiB in, and 8 MiB out. */
export async function payload({ sockets, rounds }: Bench): Promise<Figure> {
  await using stack = new AsyncDisposableStack();
  const registry = new ComponentRegistry()
    .registerTool("give", { description: "Gives a MiB", execute: () => PIECE })
    .registerTool("take", { description: "Takes a MiB", execute: ({ piece }: { piece: string }) => piece.length });
  const contenders = [];
  const peaks: Reached[] = [];
  for (const { kind, listen } of sockets) {
    const ours = stack.use(await Ours.start(listen(), registry));
    const before = residentMib(ours.pid);
    let peak = 0;
    const watched = async (code: string) => {
      const watch = setInterval(() => (peak = Math.max(peak, residentMib(ours.pid) - before)), 2);
      await ours.run(code);
      clearInterval(watch);
    };
    contenders.push({ name: `8 MiB in, ${kind}`, run: () => watched(within) });
    contenders.push({ name: `8 MiB out, ${kind}`, run: () => watched(without) });
    peaks.push({
      what: `memory of the edge over rest, ${kind}, / 8 MiB`,
      get ratio() {
        return only(peak / PIECES);
      },
      target: { is: "at most", value: 4 },
    });
  }
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const times = await measure(contenders, { rounds: Math.min(rounds, 9), repeat: 1 });
  delay.disable();
  const speeds = [...times].map(([name, ms]): Reached => {
    const mibPerSecond = ms.map((one) => PIECES / (one / 1_000)).toSorted((a, b) => a - b);
    const at = (share: number) => mibPerSecond[Math.floor(mibPerSecond.length * share)] ?? Number.NaN;
    return {
      what: `MiB a second, ${name}`,
      ratio: { median: at(0.5), low: at(0.25), high: at(0.75) },
      target: { is: "at least", value: 95.4 },
    };
  });
  return {
    title: "5. Large payloads",
    times,
    reached: [...speeds, ...peaks.map((one) => ({ ...one, ratio: one.ratio }))],
  };
}

function only(value: number): Ratio {
  return { median: value, low: value, high: value };
}

function residentMib(pid: number): number {
  const pages = Number(readFileSync(`/proc/${pid}/statm`, "latin1").split(" ")[1]);
  return (pages * 4096) / MIB;
}
