import { afterAll, expect, test } from "vitest";
import { type Budgets, type Output, toDuration, ValueEncoding } from "@codemode/proto/messages";
import { Journal } from "../executor/src/session/journal.ts";
import { Keep } from "../executor/src/session/keep.ts";
import { Ledger } from "../executor/src/session/ledger.ts";
import { NOTHING } from "../executor/src/session/manifest.ts";
import { parseStart } from "../executor/src/session/start.ts";
import { startOf } from "./executor-fixture.ts";
import { withScript } from "./scripted-client.ts";
import { WorkerPeer } from "./worker-peer.ts";

// Worker, session and client each count output by themselves, and must come to the same.

const worker = new WorkerPeer();
afterAll(() => worker[Symbol.asyncDispose]());

const json = (text: string) => ({ encoding: ValueEncoding.VALUE_ENCODING_EXACT, data: Buffer.from(text) });

/** What a program shows, the item that it becomes, and the bytes that all of it counts. */
const shown: [code: string, item: NonNullable<Output["item"]>, bytes: number][] = [
  ['text("")', { $case: "text", value: "" }, 64],
  ['text("é")', { $case: "text", value: "é" }, 66],
  ['json({ a: "é" })', { $case: "json", value: json('{"a":"é"}') }, 74],
  ['image("aGk=", "image/gif")', { $case: "image", value: { mimeType: "image/gif", data: Buffer.from("hi") } }, 75],
];
const TIMES = 3;

function budgetsOf(resultBytes: number): Budgets {
  const time = toDuration(5_000);
  return {
    wallTime: time,
    cpuTime: time,
    waitTime: time,
    heapBytes: 67_108_864n,
    calls: 10,
    callsInFlight: 10,
    argumentBytes: 1_000n,
    logBytes: 1_000n,
    logLines: 10,
    resultBytes: BigInt(resultBytes),
  };
}

test.each(shown)("a worker shows %s as often as its budget allows", async (code, item, bytes) => {
  const show = (resultBytes: number) =>
    worker.run(`${`${code};`.repeat(TIMES)} return 1`, {}, { budgets: budgetsOf(resultBytes) });
  expect(await show(TIMES * bytes)).toMatchObject({ value: 1, outputs: Array(TIMES).fill(item) });
  expect(await show(TIMES * bytes - 1)).toMatchObject({ error: { type: "OUTPUT_LIMIT" } });
});

test.each(shown)("a session lets a worker show %s no more often", (_code, item, bytes) => {
  const show = (resultBytes: number) => {
    const program = { ...parseStart(startOf("", { budgets: budgetsOf(resultBytes) }), {}), components: NOTHING };
    const ledger = new Ledger(program, new Journal(new Keep(), () => {}));
    return Array.from({ length: TIMES }, () => ledger.output({ item }) === undefined);
  };
  expect(show(TIMES * bytes)).toEqual([true, true, true]);
  expect(show(TIMES * bytes - 1)).toEqual([true, true, false]);
});

test.each(shown)("a client takes %s from an executor no more often", async (_code, item, bytes) => {
  await using it = await withScript((peer) => {
    peer.accept();
    for (let n = 0; n < TIMES; n++) peer.say({ $case: "output", value: { item } });
    peer.finish(1);
  });
  const take = (maxResultBytes: number) => it.run({ budgets: { maxResultBytes } });
  expect(await take(TIMES * bytes)).toMatchObject({ value: 1, outputs: { length: TIMES } });
  await expect(take(TIMES * bytes - 1)).rejects.toMatchObject({ code: "PROTOCOL" });
});
