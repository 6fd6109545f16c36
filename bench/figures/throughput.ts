import { availableParallelism } from "node:os";
import { Isolates } from "../floors/isolate.ts";
import { Ours } from "../ours.ts";
import type { Bench } from "../bench.ts";
import { type Figure, throughput as atLeast } from "../report.ts";
import { measure } from "../rounds.ts";

const AT_ONCE = 32;
const RUNS = 640;

/** 2: many small runs at once. */
export async function throughput({ sockets, rounds }: Bench): Promise<Figure> {
  await using stack = new AsyncDisposableStack();
  const floor = stack.use(new Isolates(availableParallelism())).throughput(RUNS);
  const contenders = [];
  for (const { kind, listen } of sockets) {
    const ours = stack.use(await Ours.start(listen()));
    const lane = async () => {
      for (let left = RUNS / AT_ONCE; left > 0; left--) await ours.run("return 42");
    };
    const run = () => Promise.all(Array.from({ length: AT_ONCE }, lane));
    contenders.push({ name: `${AT_ONCE} at once, ${kind}`, operations: RUNS, run });
  }
  const times = await measure([floor, ...contenders], { rounds, repeat: 1 });
  const reached = contenders.map(({ name }) => atLeast(times, name, floor.name, 0.6, 0.02));
  return { title: "2. Small runs, 32 at once", times, reached };
}
