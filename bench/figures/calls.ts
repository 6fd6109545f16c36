import { Grpc } from "../floors/grpc.ts";
import { Ours } from "../ours.ts";
import type { Bench } from "../bench.ts";
import { atMost, type Figure } from "../report.ts";
import { type Contender, measure } from "../rounds.ts";

const CALLS = 1_000;
const inTurn = `let n = 0; for (let i = 0; i < ${CALLS}; i++) n = await tools.ping({ n }); return n`;
const atOnce = `const all = await Promise.all(Array.from({ length: ${CALLS} }, (_, n) => tools.ping({ n }))); return all.at(-1)`;

/** 3: tool calls, one after the other and all at once. */
export async function calls({ peers, sockets, rounds }: Bench): Promise<Figure> {
  await using stack = new AsyncDisposableStack();
  const [ofRunInTurn, ofRunAtOnce] = ["run, in turn", "run, at once"];
  const contenders: Contender[] = [];
  if (peers) contenders.push(peers.calls(ofRunInTurn, CALLS, inTurn), peers.calls(ofRunAtOnce, CALLS, atOnce));
  for (const { kind, listen } of sockets) {
    const grpc = stack.use(await Grpc.start(listen()));
    const ours = stack.use(await Ours.start(listen()));
    contenders.push(grpc.messages(`C: a message of grpc-js and back, ${kind}`, CALLS));
    contenders.push({
      name: `a call, in turn, ${kind}`,
      operations: CALLS,
      run: async () => void (await ours.run(inTurn)),
    });
    contenders.push({
      name: `a call, at once, ${kind}`,
      operations: CALLS,
      run: async () => void (await ours.run(atOnce)),
    });
  }
  const times = await measure(contenders, { rounds, repeat: 1 });
  const reached = sockets.flatMap(({ kind }) => [
    atMost(times, `a call, in turn, ${kind}`, `C: a message of grpc-js and back, ${kind}`, 2, 25),
    atMost(times, `a call, at once, ${kind}`, `C: a message of grpc-js and back, ${kind}`, 0.5, 12),
    ...(peers
      ? [
          atMost(times, `a call, in turn, ${kind}`, ofRunInTurn, 1),
          atMost(times, `a call, at once, ${kind}`, ofRunAtOnce, 1),
        ]
      : []),
  ]);
  return { title: "3. A tool call, with both schemas checked and the journal kept", times, reached };
}
