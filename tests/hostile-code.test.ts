// Every program of the catalogue through the whole stack, beside others that must not notice.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { catalogue } from "./hostile/catalogue.ts";
import { contract } from "./hostile/contract.ts";
import { type Sight, Stage } from "./hostile/stage.ts";

const WORKERS = 3;
const NEIGHBOURS = 4;
const MAX_GROWTH_MIB = 96; // of the edge since its first run, without its garbage. 53 were measured after one pass, 65 after two
const TIMEOUT_MS = 600_000; // a busy machine takes minutes for what takes a quiet one seconds

let stage: Stage;
let before: Sight;
beforeAll(async () => {
  stage = await Stage.start(WORKERS);
  await stage.answers();
  stage.tidy();
  await sleep(1_000);
  before = stage.look();
});
afterAll(() => stage[Symbol.asyncDispose]());

/** The executor is as it was. */
async function expectPeace(): Promise<void> {
  await expect.poll(() => stage.isAtRest(), { timeout: 30_000 }).toBe(true);
  expect(stage.look().edgePid).toBe(before.edgePid);
  const grownMib = (): number => {
    stage.tidy();
    return (stage.look().edgeBytes - before.edgeBytes) / 2 ** 20;
  };
  await expect.poll(grownMib, { timeout: 30_000, interval: 500 }).toBeLessThan(MAX_GROWTH_MIB);
}

describe("one after the other", () => {
  let neighbours: ReturnType<Stage["neighbours"]>;
  beforeAll(() => {
    neighbours = stage.neighbours(NEIGHBOURS);
  });

  test.for([...catalogue])(
    "%s ends as it must, and so does the next run",
    { timeout: TIMEOUT_MS },
    async ([id, hostile]) => {
      const runs = neighbours.runs;
      expect(await stage.problems(id, hostile)).toEqual([]);
      expect(await stage.answers()).toBe(true);
      await expect.poll(() => neighbours.runs, { timeout: 30_000 }).toBeGreaterThan(runs);
    },
  );

  test("the neighbours were right all along, and nothing is left of the others", async () => {
    await neighbours[Symbol.asyncDispose]();
    await expectPeace();
  });
});

test(
  "all at once they end as they must, their neighbours are right, and nothing is left of them",
  async () => {
    {
      await using _neighbours = stage.neighbours(NEIGHBOURS);
      const problems = await Promise.all(Array.from(catalogue, ([id, hostile]) => stage.problems(id, hostile)));
      expect(problems.flat()).toEqual([]);
    }
    expect(await stage.answers()).toBe(true);
    await expectPeace();
  },
  TIMEOUT_MS,
);

test("what our contract says is about cases that there are", () => {
  expect(Object.keys(contract).filter((id) => !catalogue.has(id))).toEqual([]);
  expect(catalogue.size).toBe(216);
});
