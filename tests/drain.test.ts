import { expect, test } from "vitest";
import { Codemode, ComponentRegistry } from "../client/src/index.ts";
import { ChildExecutor } from "./executor-fixture.ts";
import { held } from "./scripted-client.ts";

// What a client notices of an executor that is told to end while it has a run: nothing, but for the number of attempts.

const CODE = `
  console.log("asking");
  const [paid, told] = await Promise.all([tools.pay({ dice: Math.random() }), tools.tell({})]);
  return { paid, told };`;
const RIGHT = { status: "ok", value: { paid: "paid", told: "told" }, logs: [{ text: "asking" }] };

/** Two executors, the first of which is to end, and a run on it that waits for `pay`. */
async function paying(drainTimeoutMs: number) {
  const first = await ChildExecutor.start({ CODEMODE_EXECUTOR_DRAIN_TIMEOUT_MS: String(drainTimeoutMs) });
  const second = await ChildExecutor.start({}, first.key);
  const [pay, goesOn] = [held(), Promise.withResolvers<string>()];
  const calls: unknown[] = [];
  const registry = new ComponentRegistry();
  registry.registerTool("pay", {
    description: "Pays",
    execute: (input, call) => (calls.push(input), pay.handler(input as never, call)),
  });
  registry.registerTool("tell", { description: "Tells", execute: () => (calls.push("tell"), "told") });
  const info = ({ address }: { address?: string }, message: string) =>
    message === "Sending the run" && goesOn.resolve(address ?? "");
  const codemode = Codemode.fromClientConfig({
    registry,
    logger: { debug() {}, info, warn() {}, error() {} },
    config: {
      executor: { url: `${first.address},${second.address}`, apiKey: first.key },
      observability: { logLevel: "info" },
    },
  });
  const outcome = codemode.execute(CODE);
  const signal = await pay.started;
  return {
    first,
    second,
    pay,
    signal,
    calls,
    outcome,
    goesOn: goesOn.promise,
    async [Symbol.asyncDispose]() {
      await codemode.close();
      await Promise.all([first[Symbol.asyncDispose](), second[Symbol.asyncDispose]()]);
    },
  };
}

test("a run whose executor drains for too short goes on at another, and its tools are called once", async () => {
  await using it = await paying(50);
  it.first.child.kill("SIGTERM");
  expect(await it.goesOn).toBe(it.second.address);
  await it.first.exited;
  expect(it.signal.aborted).toBe(false);
  it.pay.resolve("paid");
  const outcome = await it.outcome;
  expect(outcome).toMatchObject({ ...RIGHT, attempts: 2, interruptions: [{ code: "UNREACHABLE" }] });
  expect(outcome.calls).toMatchObject([
    { name: "pay", state: "succeeded" },
    { name: "tell", state: "succeeded" },
  ]);
  expect(it.calls).toEqual([{ dice: expect.any(Number) }, "tell"]);
});

test("a run that ends while its executor drains ends there", async () => {
  await using it = await paying(60_000);
  it.first.child.kill("SIGTERM");
  it.pay.resolve("paid");
  expect(await it.outcome).toMatchObject({ ...RIGHT, attempts: 1 });
  await it.first.exited;
  expect(it.calls).toHaveLength(2);
});
