import { Script } from "node:vm";
import { Ours } from "../ours.ts";
import type { Bench } from "../bench.ts";
import { atMost, type Figure, type Reached } from "../report.ts";
import { measure } from "../rounds.ts";

/** 20 kB of what models write; with types where `typed`. The value is the same each time, the text is not. */
function program(seed: number, typed: boolean): string {
  const [number, list] = typed ? [": number", ": number[]"] : ["", ""];
  let text = `// ${seed}\n`;
  for (let index = 0; text.length < 20_000; index++) {
    text += `function step${index}(value${number}, factor${number} = ${index})${number} {
  const items${list} = [value, factor, ${index}].filter((item) => item > 0);
  return items.reduce((sum, item) => (sum + item * ${seed % 97}) % 1009, 1);
}\n`;
  }
  return `${text}return step0(step1(1, 2), 3) >= 0 ? 42 : 0`;
}

/** 4: larger programs. */
export async function programs({ sockets, rounds }: Bench): Promise<Figure> {
  await using stack = new AsyncDisposableStack();
  const [{ kind, listen }] = sockets;
  const ours = stack.use(await Ours.start(listen()));
  let seed = 0;
  const compile = (source: string) => void new Script(`(async () => {${source}})`, { filename: `${seed}.js` });
  const [small, js, ts, v8] = [`return 42, ${kind}`, "20 kB of JavaScript", "20 kB of TypeScript", "V8 compiles 20 kB"];
  const times = await measure(
    [
      { name: small, run: async () => void (await ours.run("return 42")) },
      { name: js, run: async () => void (await ours.run(program(++seed, false))) },
      { name: ts, run: async () => void (await ours.run(program(++seed, true))) },
      { name: v8, run: () => compile(program(++seed, false)) },
    ],
    { rounds, repeat: 8, pauseMs: 5 },
  );
  const allowed = new Map(times);
  const floors = (times.get(small) ?? []).map((ms, round) => 1.5 * ms + (times.get(v8)?.[round] ?? 0));
  allowed.set("what is allowed", floors);
  const reached: Reached[] = [
    { ...atMost(allowed, js, "what is allowed", 1), what: `${js} / (1.5 × ${small} + ${v8})` },
    atMost(times, ts, js, 2, 4),
  ];
  return { title: "4. A program of 20 kB", times, reached };
}
