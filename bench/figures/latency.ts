import { Grpc } from "../floors/grpc.ts";
import { Isolates } from "../floors/isolate.ts";
import { Ours } from "../ours.ts";
import type { Bench } from "../bench.ts";
import { atMost, type Figure } from "../report.ts";
import { measure } from "../rounds.ts";

/** 1: one small run after the other, with a pause. */
export async function latency({ peers, sockets, rounds }: Bench): Promise<Figure> {
  await using stack = new AsyncDisposableStack();
  const contenders = [stack.use(new Isolates(1)).latency, ...(peers?.answers ?? [])];
  for (const { kind, listen } of sockets) {
    const grpc = stack.use(await Grpc.start(listen()));
    const ours = stack.use(await Ours.start(listen()));
    contenders.push(grpc.stream(`B: a stream of grpc-js, ${kind}`));
    contenders.push({ name: `return 42, ${kind}`, run: async () => void (await ours.run("return 42")) });
  }
  const times = await measure(contenders, { rounds, repeat: 10, pauseMs: 5 });
  const reached = sockets.flatMap(({ kind }) => [
    atMost(times, `return 42, ${kind}`, `B: a stream of grpc-js, ${kind}`, 1.6, 15),
    ...(peers?.answers ?? []).map(({ name }) => atMost(times, `return 42, ${kind}`, name, 1)),
  ]);
  return { title: "1. A small run, one at a time", times, reached };
}
