// What a warm isolate takes: how much more memory this process has with so many of them, as a worker makes them.
import { readFileSync } from "node:fs";
import ivm from "isolated-vm";
import { warmUp } from "../executor/src/worker/warm-up.ts";

const COUNT = 20;
const guest = readFileSync(new URL("../executor/src/gen/guest.js", import.meta.url), "utf8");
const snapshot = ivm.Isolate.createSnapshot([{ code: guest, filename: "codemode:guest" }], warmUp);
const kept: ivm.Isolate[] = [];

function make(): void {
  const isolate = new ivm.Isolate({ snapshot, memoryLimit: 64 });
  const { global } = isolate.createContextSync();
  global.setSync("codemodeSend", new ivm.Callback(() => {}));
  global.setSync("codemodeAsk", new ivm.Callback(() => ""));
  global.getSync("codemodeBoot", { reference: true }).applySync(undefined, []);
  kept.push(isolate);
}

function dirtyKib(): number {
  return Number(/^Private_Dirty:\s+(\d+)/m.exec(readFileSync("/proc/self/smaps_rollup", "latin1"))?.[1]);
}

for (let index = 0; index < 5; index++) make(); // what the first ones leave behind for all
const before = dirtyKib();
for (let index = 0; index < COUNT; index++) make();
process.stdout.write(`${(dirtyKib() - before) / 1_024 / COUNT}\n`, () => process.kill(process.pid, "SIGKILL"));
