// Loaded into an executor by `--import`: from SIGUSR2 on it measures for how long the event loop is held, and writes the longest
// into the file that BENCH_LOOP_DELAY names, when the executor ends. `lateMs` is what its callers notice; where all cores are
// busy the wait for one is in it. `ownMs` is the CPU time that the loop's thread has used between two ticks of a millisecond.
import { writeFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";

const file = process.env["BENCH_LOOP_DELAY"];
if (file === undefined) throw new Error("BENCH_LOOP_DELAY is to name a file");
const delay = monitorEventLoopDelay({ resolution: 1 });
let ownUs = 0;
process.once("SIGUSR2", () => {
  delay.enable();
  let before = threadUs();
  setInterval(() => {
    const now = threadUs();
    ownUs = Math.max(ownUs, now - before);
    before = now;
  }, 1).unref();
});
process.once("exit", () => writeFileSync(file, JSON.stringify({ lateMs: delay.max / 1e6, ownMs: ownUs / 1e3 })));

function threadUs(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}
