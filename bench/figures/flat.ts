import { setTimeout as sleep } from "node:timers/promises";
import { ComponentRegistry } from "@codemode/client";
import { z } from "zod";
import { Ours, registryOf } from "../ours.ts";
import type { Bench } from "../bench.ts";
import { atMost, type Figure } from "../report.ts";
import { measure } from "../rounds.ts";

const WAITING = 1_000;
const TOOLS = 5_000;
const LANES = 32;
const one = "return await tools.ping({ n: 1 })";
const calls = (count: number) => `let n = 0; for (let i = 0; i < ${count}; i++) n = await tools.ping({ n }); return n`;

/** 6: what a run costs beside many others, with many tools, after many, and late in a long one. */
export async function flat({ sockets, rounds, age }: Bench): Promise<Figure> {
  await using stack = new AsyncDisposableStack();
  const [{ listen }] = sockets;
  const small = stack.use(await Ours.start(listen()));
  const large = stack.use(await Ours.start(listen(), manyTools()));
  const crowded = stack.use(await Ours.start(listen(), waitingTools()));
  const waiting = Promise.allSettled(Array.from({ length: WAITING }, () => crowded.run("return await tools.wait()")));
  await sleep(2_000); // they come in, leave their workers, and wait
  const short = [small, large, crowded].map((ours, index) => ({
    name: [`a run with a call`, `with ${TOOLS} tools`, `beside ${WAITING} runs that wait`][index]!,
    run: async () => void (await ours.run(one)),
  }));
  const few = await measure(short, { rounds, repeat: 10, pauseMs: 5 });
  const old = stack.use(await Ours.start(listen()));
  const lane = async () => {
    for (let left = age / LANES; left > 0; left--) await old.run("return 42");
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  const aged = await measure(
    [
      { name: "return 42", run: async () => void (await small.run("return 42")) },
      { name: `return 42 after ${age} runs`, run: async () => void (await old.run("return 42")) },
    ],
    { rounds, repeat: 10, pauseMs: 5 },
  );
  const long = [1_000, 10_000].map((count) => ({
    name: `a call of ${count}`,
    operations: count,
    run: async () => void (await small.run(calls(count))),
  }));
  const many = await measure(long, { rounds: Math.min(rounds, 5), repeat: 1 });
  const times = new Map([...few, ...aged, ...many]);
  await crowded.codemode.close();
  await waiting;
  return {
    title: "6. What stays flat",
    times,
    reached: [
      atMost(times, `with ${TOOLS} tools`, "a run with a call", 1.3),
      atMost(times, `beside ${WAITING} runs that wait`, "a run with a call", 1.3),
      atMost(times, `return 42 after ${age} runs`, "return 42", 1.3),
      atMost(times, "a call of 10000", "a call of 1000", 1.3),
    ],
  };
}

function manyTools(): ComponentRegistry {
  const registry = registryOf();
  for (let index = 1; index < TOOLS; index++) {
    registry.registerTool(`space${index % 50}.tool_${index}`, {
      description: `Tool ${index}: ${"does something useful with what it is given. ".repeat(4)}`,
      inputSchema: z.object({ id: z.string(), limit: z.number().optional() }),
      execute: () => index,
    });
  }
  return registry;
}

function waitingTools(): ComponentRegistry {
  return registryOf().registerTool("wait", {
    description: "Answers when nobody waits any more",
    execute: (_, { signal }) =>
      new Promise((resolve) => signal.addEventListener("abort", () => resolve(0), { once: true })),
  });
}
