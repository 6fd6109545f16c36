import { once } from "node:events";
import { mkdtempDisposableSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { Dice } from "./chaos/dice.ts";
import { bundleWorker } from "./drill/drill.ts";
import { applicant, begin, poolOf } from "./drill/hostile.ts";
import { startInProcess } from "./executor-fixture.ts";
import { CONVERSATIONS } from "./fuzz/conversations.ts";
import { fuzz, KEY, send } from "./fuzz/fuzz.ts";
import { rightConversation, scriptOf } from "./fuzz/script.ts";
import { hostileProgram } from "./fuzz/worker.ts";
import { rawSocket } from "./raw-grpc.ts";

// Wrong HTTP/2 frames and wrong messages over real sockets, and wrong frames of workers. `npm run fuzz` is the long form.

const seed = Number(process.env["FUZZ_SEED"] ?? 1);
const wrong = Number(process.env["FUZZ_FRAMES"] ?? 4_000);
const never = new AbortController().signal;
const timeout = 120_000 + 25 * wrong;

test("whatever comes over the wire, the executor and its other clients go on", { timeout }, async () => {
  const { failures, tally } = await fuzz({ seed, wrong, width: 32 });
  console.info(`FUZZ_SEED=${seed} FUZZ_FRAMES=${wrong}`, tally);
  expect(failures.slice(0, 5).join("\n")).toBe("");
});

test("whatever comes over TLS or instead of it, the executor and its other clients go on", { timeout }, async () => {
  const { failures, tally } = await fuzz({ seed, wrong: wrong / 5, width: 16, isSecure: true });
  console.info(`FUZZ_SEED=${seed} FUZZ_FRAMES=${wrong / 5} over TLS`, tally);
  expect(failures.slice(0, 5).join("\n")).toBe("");
});

test("the conversations that are made wrong come to their end as they are", async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), "cm-"));
  const path = join(folder.path, "s");
  await using _executor = await startOn(path);
  const ended = Object.entries(CONVERSATIONS).map(async ([name, turns]) => {
    const { answers } = await send(rightConversation(turns(new Dice(seed)), KEY), rawSocket(`unix:${path}`));
    return [name, answers.said(1).at(-1)];
  });
  expect(await Promise.all(ended)).toEqual(Object.keys(CONVERSATIONS).map((name) => [name, "finished"]));
});

test("what a connection did not live to carry was not written", async () => {
  await using server = createServer((socket) => socket.once("data", () => socket.destroy())).listen(0, "127.0.0.1");
  await once(server, "listening");
  const piece = (text: string) => ({ bytes: Buffer.from(text), isWrong: true });
  const frames = [piece("first"), { stream: 1, until: "never", times: 1 }, piece("last")];
  const { port } = server.address() as AddressInfo;
  expect(await send({ frames, streams: [] }, rawSocket(`127.0.0.1:${port}`))).toMatchObject({
    written: [piece("first")],
  });
});

test("whatever a worker writes to its channel, the edge goes on with another", { timeout }, async () => {
  using drill = await bundleWorker();
  await using pool = poolOf(drill.path, 2);
  await pool.start();
  let next = seed;
  const some = async (): Promise<void> => {
    while (next < seed + wrong / 40) {
      await using lease = await pool.lend(applicant, never);
      const at = next++;
      // One that announces a frame and never ends it is the session's to end, by its wall time.
      const wallTime = sleep(500, { end: "timeout" });
      const { end } = await Promise.race([begin(lease, hostileProgram(at)), wallTime]);
      expect({ seed: at, end }).toEqual({ seed: at, end: expect.stringMatching(/^(done|died|timeout)$/) });
    }
  };
  await Promise.all([some(), some()]);
  await using lease = await pool.lend({ ...applicant, tenant: "b" }, never);
  expect(await begin(lease, "return 1")).toMatchObject({ end: "done", stderr: "" });
});

function startOn(path: string): ReturnType<typeof startInProcess> {
  return startInProcess({ CODEMODE_EXECUTOR_LISTEN: `unix:${path}`, CODEMODE_EXECUTOR_API_KEY: KEY });
}

/** Scripts that have left something behind once. */
const found: readonly (readonly [seed: number, what: string])[] = [
  [352, "a stream that grpc-js left open, because it refused a message while we wrote one"],
];

test.each(found)("seed %i: %s", { timeout }, async (seed) => {
  using folder = mkdtempDisposableSync(join(tmpdir(), "cm-"));
  const path = join(folder.path, "s");
  await using executor = await startOn(path);
  for (let turn = 0; turn < 2; turn++) {
    expect(await send(scriptOf(seed, KEY), rawSocket(`unix:${path}`))).toMatchObject({ unanswered: [] });
  }
  expect(await executor.run("return 1")).toMatchObject({ value: 1 });
});
