// Many runs that mostly wait, on the default number of workers: how long they take against the waiting alone, and what
// memory the app and its executor take. `node bench/waiting-runs.ts [runs]`
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Codemode, ComponentRegistry } from "@codemode/client";

const runs = Number(process.argv[2] ?? 1_000);
const WAIT_MS = 1_000;
const ROUNDS = 3;

let handled = 0;
const registry = new ComponentRegistry().registerTool("slow", {
  description: "Takes a second",
  execute: async () => {
    handled += 1;
    await sleep(WAIT_MS);
    return 1;
  },
});
await using codemode = Codemode.fromClientConfig({ registry });
await codemode.execute("return 1"); // starts the executor

const startedAt = performance.now();
let peakMiB = 0;
const watch = setInterval(() => (peakMiB = Math.max(peakMiB, residentMiB())), 100);
const code = (n: number): string =>
  `let sum = ${n}; for (let i = 0; i < ${ROUNDS}; i++) sum += await tools.slow(); return sum`;
const outcomes = await Promise.all(Array.from({ length: runs }, (_, n) => codemode.execute(code(n))));
clearInterval(watch);
const wallMs = performance.now() - startedAt;

const wrong = outcomes.filter(({ value }, n) => value !== n + ROUNDS);
console.log(`${runs} runs, each waiting ${ROUNDS} × ${WAIT_MS} ms: ${outcomes.length - wrong.length} right`);
console.log(`handlers called ${handled} times, ${runs * ROUNDS} expected`);
console.log(
  `wall time ${(wallMs / 1000).toFixed(1)} s, ${(wallMs / (ROUNDS * WAIT_MS)).toFixed(1)} × the waiting of one run`,
);
console.log(`CPU of the programs ${outcomes.reduce((sum, { usage }) => sum + usage.cpuMs, 0).toFixed(0)} ms`);
console.log(`peak resident memory of all processes ${peakMiB.toFixed(0)} MiB`);
if (wrong.length > 0) {
  console.log(new Set(wrong.map(({ error }) => `${error?.type}: ${error?.message}`)));
  process.exitCode = 1;
}

/** Of this process and those below it. */
function residentMiB(): number {
  const parents = new Map<number, number>();
  const pages = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const [, rest = ""] = readFileSync(`/proc/${name}/stat`, "latin1").split(/\) /);
      const fields = rest.split(" ");
      parents.set(Number(name), Number(fields[1]));
      pages.set(Number(name), Number(fields[21]));
    } catch {
      // It has ended meanwhile.
    }
  }
  const isOurs = (pid: number): boolean => pid === process.pid || (parents.has(pid) && isOurs(parents.get(pid) ?? 0));
  let sum = 0;
  for (const [pid, count] of pages) if (isOurs(pid)) sum += count * 4096;
  return sum / 1024 / 1024;
}
