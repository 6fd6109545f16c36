import { spawn } from "node:child_process";
import { once as event } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Codemode } from "@codemode/client";
import type { Bench } from "../bench.ts";
import { startExecutor } from "../executor.ts";
import { atMost, type Figure, once, type Reached } from "../report.ts";
import { measure } from "../rounds.ts";

const WARM_MS = 3_000; // it listens before its workers are there

/** 7: the start of an embedded executor, and what it takes while it has nothing to do. */
export async function start({ sockets, rounds }: Bench): Promise<Figure> {
  const bare = {
    name: "node -e 0",
    run: async () => void (await event(spawn(process.execPath, ["-e", "0"], { stdio: "ignore" }), "exit")),
  };
  const embedded = cold("a cold Codemode until its executor is ready", async (codemode) => {
    const { serving } = await codemode.health();
    if (!serving) throw new Error("An executor that has just started takes no runs");
  });
  // Ready is who takes runs; the first one waits for the first worker.
  const firstRun = cold("a cold Codemode until its first run has ended", async (codemode) => {
    (await codemode.execute("return 1")).unwrap();
  });
  const times = await measure([bare, embedded, firstRun], { rounds, repeat: 1 });
  const [{ listen }] = sockets;
  await using idle = await startExecutor(listen());
  await setTimeout(WARM_MS);
  const [edge, workers] = [privateMib(idle.pid), childrenOf(idle.pid).map(privateMib)];
  const memory: Reached[] = [
    { what: "MiB of its own, the edge, idle", ratio: once(edge) },
    { what: "MiB of its own, a worker with a warm isolate, idle", ratio: once(workers[0] ?? Number.NaN) },
    { what: "MiB, one more warm isolate", ratio: once(await isolateMib()), target: { is: "at most", value: 2 } },
  ];
  return { title: "7. Start and rest", times, reached: [atMost(times, embedded.name, bare.name, 2.5, 12), ...memory] };
}

/** Starts anew each time. All but the first start after a build find what V8 has compiled before. */
function cold(name: string, until: (codemode: Codemode) => Promise<void>) {
  const run = async () => {
    const before = performance.now();
    const codemode = Codemode.fromClientConfig({});
    await until(codemode);
    const ms = performance.now() - before;
    await codemode.close();
    return ms;
  };
  return { name, run };
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").trim().split(" ").map(Number);
}

async function isolateMib(): Promise<number> {
  const script = fileURLToPath(new URL("../warm-isolates.ts", import.meta.url));
  const child = spawn(process.execPath, ["--no-node-snapshot", script], { stdio: ["ignore", "pipe", "inherit"] });
  const [told] = (await event(child.stdout, "data")) as [Buffer];
  return Number(told);
}

/** Memory that ends with the process. */
function privateMib(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "latin1");
  const kib = [...rollup.matchAll(/^Private_\w+:\s+(\d+) kB$/gm)].map(([, value]) => Number(value));
  return kib.reduce((sum, value) => sum + value, 0) / 1_024;
}
