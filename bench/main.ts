// Measures Codemode against floors and peers, all in one run: `npm run bench [-- --json] [-- --quick] [-- <figure> …]`.
// With `--guard`, fails where something is far out; for CI.
// docs/PERFORMANCE.md explains each figure.
import { mkdtempDisposableSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Bench, Socket } from "./bench.ts";
import { calls } from "./figures/calls.ts";
import { flat } from "./figures/flat.ts";
import { latency } from "./figures/latency.ts";
import { payload } from "./figures/payload.ts";
import { programs } from "./figures/programs.ts";
import { start } from "./figures/start.ts";
import { throughput } from "./figures/throughput.ts";
import { loadPeers } from "./peers.ts";
import { type Figure, isGuarded, isReached, print } from "./report.ts";

const figures = {
  latency,
  throughput,
  calls,
  programs,
  payload,
  flat,
  start,
} satisfies Readonly<Record<string, (bench: Bench) => Promise<Figure>>>;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "boolean" }, quick: { type: "boolean" }, guard: { type: "boolean" } },
});
const guarded = ["latency", "throughput", "calls", "start"];
const chosen = positionals.length > 0 ? positionals : values.guard ? guarded : Object.keys(figures);
const unknown = chosen.find((name) => !Object.hasOwn(figures, name));
if (unknown !== undefined)
  throw new Error(`There is no figure ${unknown}; there are ${Object.keys(figures).join(", ")}`);

using folder = mkdtempDisposableSync(join(tmpdir(), "codemode-bench-"));
let listeners = 0;
const unixSocket: Socket = { kind: "unix socket", listen: () => `unix:${join(folder.path, String(++listeners))}` };
const tcp: Socket = { kind: "TCP", listen: () => "127.0.0.1:0" };
const bench: Bench = {
  peers: values.guard ? undefined : await loadPeers(),
  sockets: values.guard ? [unixSocket] : [unixSocket, tcp],
  rounds: values.guard ? 3 : values.quick ? 5 : 21,
  age: values.quick ? 2_000 : 100_000,
};

const machine = `${cpus()[0]?.model ?? "?"}, ${availableParallelism()} cores, Node ${process.versions.node}, ${process.platform}`;
if (!values.json) console.log(machine);
const measured = (name: string) => figures[name as keyof typeof figures](bench);
const done: Record<string, Figure> = {};
for (const name of chosen) {
  const figure = await measured(name);
  done[name] = figure;
  if (!values.json) print(figure);
}
if (values.json) {
  const plain = Object.entries(done).map(([name, { title, times, reached }]) => [
    name,
    { title, ms: Object.fromEntries(times), reached: reached.map((line) => ({ ...line, isReached: isReached(line) })) },
  ]);
  console.log(
    JSON.stringify({ at: new Date().toISOString(), machine, figures: Object.fromEntries(plain) }, undefined, 2),
  );
}
const broken = Object.values(done).flatMap(({ reached }) => reached.filter((line) => values.guard && !isGuarded(line)));
for (const { what, ratio, target } of broken) {
  console.error(`Far out: ${what} is ${ratio.median.toFixed(2)}, and should be ${target?.is} ${target?.guard}`);
}
process.exit(broken.length > 0 ? 1 : 0); // an isolate of a peer may still hold the process
