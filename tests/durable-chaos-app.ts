// An app that runs random programs with a journal in a file, and is killed at a random moment: by itself at the `deathAt`-th
// point that it passes, or from outside, by whoever counts the points that it tells. An operator of its own settles what is in doubt.
import { appendFileSync, existsSync, readFileSync, writeSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { type CallInfo, type CallRow, Codemode, ComponentRegistry, SqliteStore } from "../client/src/index.ts";
import { dice, executionIdOf, itemsOf, LEASE_MS, NAMES, programOf, resultOf } from "./durable-chaos-programs.ts";

interface Settings {
  readonly file: string;
  readonly effects: string;
  readonly url: string;
  readonly seeds: readonly number[];
  readonly deathAt: number | null;
}

const { file, effects, url, seeds, deathAt } = JSON.parse(process.argv[2] ?? "") as Settings;
let passed = 0;

function passes(): void {
  passed += 1;
  writeSync(1, "."); // told before it is gone on from
  if (passed === deathAt) process.kill(process.pid, "SIGKILL");
}

class WatchedStore extends SqliteStore {
  override async put(executionId: string, fence: number, call: CallRow): Promise<void> {
    passes();
    await super.put(executionId, fence, call);
    passes();
  }

  override async finish(executionId: string, fence: number, outcome: string): Promise<void> {
    passes();
    await super.finish(executionId, fence, outcome);
    passes();
  }

  override async resolve(executionId: string, call: CallRow): Promise<void> {
    passes();
    await super.resolve(executionId, call);
    passes();
  }
}

const roll = dice(process.pid);
const registry = new ComponentRegistry();
function effect(n: number, fail: boolean | undefined, { idempotencyKey }: CallInfo): void {
  passes();
  appendFileSync(effects, `${idempotencyKey} ${n}${fail ? " failed" : ""}\n`);
  passes();
}

async function pause(): Promise<void> {
  for (let turns = roll(4); turns > 0; turns--) await setImmediate();
}

for (const name of NAMES) {
  const execute = async ({ n, fail }: { n: number; fail?: boolean }, call: CallInfo) => {
    await pause();
    effect(n, fail, call);
    await pause();
    return resultOf(n, fail === true);
  };
  const of = { description: "Has an effect", idempotent: name === "again" };
  registry.registerTool(name, { ...of, execute }).registerAgent(name, { ...of, run: execute });
}
registry.registerTool("items", {
  description: "Has an effect, and yields",
  idempotent: true,
  execute: async ({ n }: { n: number }, call: CallInfo) => {
    await pause();
    effect(n, false, call);
    return itemsOf(n, async () => {
      await pause();
      passes();
    });
  },
});

await using store = new WatchedStore(file);
await using codemode = Codemode.fromClientConfig({
  registry,
  store,
  leaseMs: LEASE_MS,
  config: { executor: { mode: "remote", url } },
});

/** Executes until it is an end of the program's own. */
async function bringToItsEnd(seed: number): Promise<void> {
  const executionId = executionIdOf(seed);
  for (;;) {
    const outcome = await codemode.execute(programOf(seed), { executionId });
    if (outcome.error?.type !== "InDoubt") return;
    for (const { seq, name, state } of outcome.calls) {
      if (name === "once" && state === "unknown") await settle(executionId, seq);
    }
  }
}

/** Looks whether the call has had its effect. */
async function settle(executionId: string, seq: number): Promise<void> {
  const lines = existsSync(effects) ? readFileSync(effects, "utf8").split("\n") : [];
  const found = lines.find((line) => line.startsWith(`${executionId}:${seq} `))?.split(" ");
  if (!found) return codemode.settle(executionId, seq, "retry");
  try {
    return await codemode.settle(executionId, seq, { value: resultOf(Number(found[1]), found[2] === "failed") });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return codemode.settle(executionId, seq, { error });
  }
}

await Promise.all(seeds.map(bringToItsEnd));
