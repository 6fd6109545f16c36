import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { Codemode } from "@codemode/client";
import type { Bench } from "../bench.ts";
import { startExecutor } from "../executor.ts";
import { atMost, type Figure, type Reached } from "../report.ts";
import { measure } from "../rounds.ts";

/** 7: the start of an embedded executor, and what it takes while it has nothing to do. */
export async function start({ sockets, rounds }: Bench): Promise<Figure> {
  const bare = {
    name: "node -e 0",
    run: async () => void (await once(spawn(process.execPath, ["-e", "0"], { stdio: "ignore" }), "exit")),
  };
  const embedded = {
    name: "a cold Codemode until its executor is ready",
    async run() {
      const before = performance.now();
      const codemode = Codemode.fromClientConfig({});
      await codemode.health();
      const ms = performance.now() - before;
      await codemode.close();
      return ms;
    },
  };
  const times = await measure([bare, embedded], { rounds, repeat: 1 });
  const [{ listen }] = sockets;
  await using idle = await startExecutor(listen());
  const [edge, workers] = [privateMib(idle.pid), childrenOf(idle.pid).map(privateMib)];
  const memory: Reached[] = [
    { what: "MiB of its own, the edge, idle", ratio: only(edge) },
    { what: "MiB of its own, a worker with a warm isolate, idle", ratio: only(workers[0] ?? Number.NaN) },
  ];
  return { title: "7. Start and rest", times, reached: [atMost(times, embedded.name, bare.name, 2.5), ...memory] };
}

function only(value: number) {
  return { median: value, low: value, high: value };
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").trim().split(" ").map(Number);
}

/** Memory that ends with the process. */
function privateMib(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "latin1");
  const kib = [...rollup.matchAll(/^Private_\w+:\s+(\d+) kB$/gm)].map(([, value]) => Number(value));
  return kib.reduce((sum, value) => sum + value, 0) / 1_024;
}
