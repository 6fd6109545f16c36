// An app in the network of its executors: one run after another in several lines, and a line on stdout for each that has ended.
import { setTimeout as sleep } from "node:timers/promises";
import { Codemode, ComponentRegistry } from "../../client/src/index.ts";
import type { Ran } from "./ran.ts";

const WIDTH = 8;
const PROGRAM = `
  let sum = 0;
  for (let n = 1; n <= 3; n++) sum = await tools.add({ a: sum, b: n });
  const doubled = await Promise.all([sum, sum].map((b) => tools.add({ a: sum, b })));
  return doubled;`;

const over = new AbortController();
process.once("SIGTERM", () => over.abort());

const called = new Set<string>();
let repeated = 0;
const registry = new ComponentRegistry();
registry.registerTool("add", {
  description: "Adds two numbers",
  execute: async (input, { idempotencyKey }) => {
    if (called.has(idempotencyKey)) repeated += 1;
    called.add(idempotencyKey);
    const { a, b } = input as { a: number; b: number };
    await sleep(Math.random() < 0.01 ? 3_000 : 50 + Math.random() * 200); // some keep an executor from ending soon
    return a + b;
  },
});

const codemode = Codemode.fromClientConfig({ registry });
await Promise.all(Array.from({ length: WIDTH }, runs));
await codemode.close();
process.exit(); // grpc-js ends no connection that is being made, and to a machine that has gone that takes minutes

async function runs(): Promise<void> {
  while (!over.signal.aborted) tell(await ran());
}

async function ran(): Promise<Ran> {
  try {
    const { value, error, attempts } = await codemode.execute(PROGRAM);
    const isRight = JSON.stringify(value) === "[12,12]";
    return {
      attempts,
      repeated,
      ...(!isRight && { problem: error ? `${error.type}: ${error.message}` : "a wrong value" }),
    };
  } catch (error) {
    return { attempts: 0, repeated, problem: String(error) };
  }
}

function tell(line: Ran): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
